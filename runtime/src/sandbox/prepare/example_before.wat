(module
  (memory (export "memory") 1)
  (func (param i32) (result i32)
    local.get 0
    i32.const 3
    i32.mul)
  (func (export "run")
    (local i32)
    loop
      local.get 0
      i32.const 1
      i32.add
      call 0
      local.tee 0
      i32.const 100
      i32.lt_u
      br_if 0
      local.get 0
      i32.const 64
      i32.lt_u
      if
        return
      end
      i32.const 0
      local.get 0
      i32.store
    end))
