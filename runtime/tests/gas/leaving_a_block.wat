;; Two blocks with ten operators behind a branch: one leaves, one stays and pays for them.
(module
  (memory (export "memory") 1)
  (func (export "run")
    (block (br_if 0 (i32.const 1)) nop nop nop nop nop nop nop nop nop nop)
    (block (br_if 0 (i32.const 0)) nop nop nop nop nop nop nop nop nop nop)))
