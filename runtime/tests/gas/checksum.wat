;; A 64-bit checksum (FNV-1a) of 4 KiB, byte by byte.
(module
  (memory (export "memory") 1)
  (func (export "run") (local $at i32) (local $sum i64)
    (local.set $sum (i64.const 0xcbf29ce484222325))
    (loop $bytes
      (local.set $sum
        (i64.mul
          (i64.xor (local.get $sum) (i64.load8_u (local.get $at)))
          (i64.const 0x100000001b3)))
      (br_if $bytes
        (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 4096))))
    (i64.store (i32.const 8192) (local.get $sum))))
