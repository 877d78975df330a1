;; Multiplication, division and remainder in both widths.
(module
  (memory (export "memory") 1)
  (func (export "run")
    (drop (i32.mul (i32.const 7) (i32.const 6)))
    (drop (i64.mul (i64.const 7) (i64.const 6)))
    (drop (i32.div_u (i32.const 42) (i32.const 6)))
    (drop (i64.div_s (i64.const -42) (i64.const 6)))
    (drop (i32.rem_s (i32.const 43) (i32.const 6)))
    (drop (i64.rem_u (i64.const 43) (i64.const 6)))))
