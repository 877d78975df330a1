(module
  (memory 1 64)
  (global (mut i64) (i64.const 0))
  (global (mut i32) (i32.const 0))
  (global (mut i32) (i32.const 0))
  (export "tos:enter" (func 2))
  (export "memory" (memory 0))
  (export "tos:gas" (global 0))
  (export "tos:stack" (global 1))
  (export "tos:written" (global 2))

  ;; Calls nothing, so it takes no words of stack.
  (func (param i32) (result i32) (local i64 i32)
    global.get 0          ;; fetch the counter
    local.set 1
    block
      block
        local.get 1       ;; entry 100, local.get 10, i32.const 10, i32.mul 50
        i64.const 170
        i64.lt_s
        br_if 1
        local.get 1
        i64.const 170
        i64.sub
        local.set 1
        block (result i32)
          local.get 0
          i32.const 3
          i32.mul
        end
        local.get 1       ;; store the counter
        global.set 0
        return
      end
      local.get 1         ;; nothing leads here: no stack is taken, nothing is unreachable
      global.set 0
      unreachable
    end
    i64.const -1          ;; out of gas: store what tells so
    global.set 0
    unreachable)

  (func (local i32 i64 i32 i32 i32 i32 i32 i64)
    global.get 0
    local.set 1
    block
      block
        local.get 1       ;; entry 100, one local 10; nothing else belongs to this block
        i64.const 110
        i64.lt_s
        br_if 1
        local.get 1
        i64.const 110
        i64.sub
        local.set 1
        global.get 1      ;; take words: 1 local, 2 operands, 8 for any call, 0 for 23 operators
        i32.const 11
        i32.sub
        local.tee 2
        global.set 1
        local.get 2
        i32.const 0
        i32.lt_s
        br_if 0
        block
          loop
            local.get 1   ;; head 20, local.get 10, i32.const 10, i32.add 40, call 100,
            i64.const 340 ;; local.tee 10, i32.const 10, i32.lt_u 40, br_if 100
            i64.lt_s
            br_if 3
            local.get 1
            i64.const 340
            i64.sub
            local.set 1
            local.get 0
            i32.const 1
            i32.add
            local.get 1
            global.set 0
            call 0
            global.get 0
            local.set 1
            local.tee 0
            i32.const 100
            i32.lt_u
            br_if 0
            local.get 1   ;; when the branch is not taken: local.get 10, i32.const 10, i32.lt_u 40,
            i64.const 160 ;; if 100
            i64.lt_s
            br_if 3
            local.get 1
            i64.const 160
            i64.sub
            local.set 1
            local.get 0
            i32.const 64
            i32.lt_u
            if
              local.get 1 ;; return 100
              i64.const 100
              i64.lt_s
              br_if 4
              local.get 1
              i64.const 100
              i64.sub
              local.set 1
              br 2
            end
            local.get 1   ;; when it did not return: i32.const 10, local.get 10, i32.store 60
            i64.const 80
            i64.lt_s
            br_if 3
            local.get 1
            i64.const 80
            i64.sub
            local.set 1
            i32.const 0
            local.get 0
            local.set 6   ;; note where it writes; there is no stack pointer, so from address 0
            local.tee 4
            local.get 3
            local.get 4
            i32.or
            local.set 3
            local.get 6
            i32.store
          end
        end
        global.get 1      ;; give the words back
        i32.const 11
        i32.add
        global.set 1
        local.get 1
        global.set 0
        global.get 2      ;; tell where it wrote
        local.get 3
        i32.or
        global.set 2
        return
      end
      local.get 1         ;; out of stack
      global.set 0
      unreachable
    end
    i64.const -1          ;; out of gas: store what tells so
    global.set 0
    unreachable)

  ;; The way in: number of the entry, gas, and the writes that are known.
  (func (param i32 i64 i32) (result i64)
    local.get 1
    global.set 0
    block
      block
        block
          local.get 0
          br_table 1 0
        end
        unreachable       ;; no entry's number
      end
      call 1              ;; `run` is number 0
      br 0
    end
    global.get 0          ;; the gas left comes out,
    global.get 2          ;; and whether there were other writes; the guest has no globals
    local.get 2
    i32.ne
    i64.extend_i32_u
    i64.const 63
    i64.shl
    i64.or))
