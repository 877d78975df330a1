;; A table of branches, taken eight times: to each of three arms once, else to what follows them.
(module
  (memory (export "memory") 1)
  (func (export "run") (local $number i32)
    (loop $again
      (block $other (block $two (block $one (block $zero
        (br_table $zero $one $two $other (local.get $number)))
        nop (br $other))
        nop nop (br $other))
        nop nop nop)
      (br_if $again
        (i32.lt_u (local.tee $number (i32.add (local.get $number) (i32.const 1))) (i32.const 8))))))
