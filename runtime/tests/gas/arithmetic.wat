;; Addition, logic, shifts, comparison and width changes: 15 operators of one price.
(module
  (memory (export "memory") 1)
  (func (export "run")
    (drop (i32.add (i32.sub (i32.const 9) (i32.const 2)) (i32.and (i32.const 7) (i32.const 5))))
    (drop (i64.or (i64.xor (i64.const 9) (i64.const 2)) (i64.shl (i64.const 7) (i64.const 5))))
    (drop (i32.rotl (i32.clz (i32.const 9)) (i32.popcnt (i32.const 2))))
    (drop (i64.lt_s (i64.extend_i32_s (i32.wrap_i64 (i64.const 9))) (i64.const 2)))
    (drop (i32.eqz (i32.ge_u (i32.extend8_s (i32.const 9)) (i32.const 2))))))
