;; A function with twenty local variables: each is set to zero.
(module
  (memory (export "memory") 1)
  (func $f (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
    (local.set 0 (i64.const 1))
    (drop (local.tee 10 (i32.const 1))))
  (func (export "run")
    (call $f)))
