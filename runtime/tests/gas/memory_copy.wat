;; Copying 0, 9 and 32,768 bytes, and 32,768 bytes that overlap.
(module
  (memory (export "memory") 1)
  (func (export "run")
    (memory.copy (i32.const 0) (i32.const 64) (i32.const 0))
    (memory.copy (i32.const 0) (i32.const 64) (i32.const 9))
    (memory.copy (i32.const 0) (i32.const 32768) (i32.const 32768))
    (memory.copy (i32.const 0) (i32.const 1) (i32.const 32768))))
