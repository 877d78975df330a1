;; Proves: a contract can ask what the contract it called last gave back.
;;
;;   call  input: the address of a contract (33 bytes), four bytes. Calls its entry "abort" with the
;;         latter.
;;   ask   returns the length of the callee's return data and its revert code (4 bytes each).
(module
  (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
  (import "tos_v1" "call"
    (func $call (param i32 i32 i32 i32 i32 i64 i32 i32) (result i32)))
  (import "tos_v1" "return_data" (func $return_data (param i32 i32) (result i32)))
  (import "tos_v1" "revert_code" (func $revert_code (result i32)))
  (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
  ;; Memory: 0..37 the input, 64..69 the entry, 128..136 the answer, 256.. the return data.
  (memory (export "memory") 1)
  (data (i32.const 64) "abort")

  (func $call_it
    (drop (call $input (i32.const 0) (i32.const 37)))
    (drop (call $call
      (i32.const 0) (i32.const 64) (i32.const 5) (i32.const 33) (i32.const 4)
      (i64.const 100000) (i32.const 0) (i32.const 0))))

  (func $answer
    (i32.store (i32.const 128) (call $return_data (i32.const 256) (i32.const 64)))
    (i32.store (i32.const 132) (call $revert_code))
    (drop (call $set_return (i32.const 128) (i32.const 8))))

  (func (export "call")
    (call $call_it)
    (call $answer))

  (func (export "ask")
    (call $answer)))
