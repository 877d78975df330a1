;; Every width of reading and writing memory.
(module
  (memory (export "memory") 1)
  (func (export "run")
    (i32.store8 (i32.const 0) (i32.load8_u (i32.const 64)))
    (i32.store16 (i32.const 8) (i32.load16_s (i32.const 72)))
    (i32.store (i32.const 16) (i32.load (i32.const 80)))
    (i64.store32 (i32.const 24) (i64.load32_u (i32.const 88)))
    (i64.store (i32.const 32) (i64.load offset=8 (i32.const 96)))))
