;; An entry that does nothing: what entering a function costs.
(module
  (memory (export "memory") 1)
  (func (export "run")))
