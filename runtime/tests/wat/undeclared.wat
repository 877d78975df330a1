;; Proves: every host function that touches an account checks the declared access. The test names
;; the account and the touch; whether it is declared is the test's business, and the guest cannot
;; tell: an undeclared touch never returns.
;;
;;   touch   input: account (33-byte address), touch (u8):
;;             0 storage_read    1 storage_len     2 storage_write   3 storage_remove
;;             4 counter_add     5 counter_sub     6 counter_read    7 balance
;;             8 transfer of 1 native unit to the account
;;           any other number touches nothing. Returns the account, to show that it got that far.
(module
  (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
  (import "tos_v1" "storage_read" (func $storage_read (param i32 i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "storage_len" (func $storage_len (param i32 i32 i32) (result i32)))
  (import "tos_v1" "storage_write"
    (func $storage_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "storage_remove" (func $storage_remove (param i32 i32 i32) (result i32)))
  (import "tos_v1" "counter_add" (func $counter_add (param i32 i32 i32 i64) (result i32)))
  (import "tos_v1" "counter_sub" (func $counter_sub (param i32 i32 i32 i64) (result i32)))
  (import "tos_v1" "counter_read" (func $counter_read (param i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "balance" (func $balance (param i32 i32) (result i64)))
  (import "tos_v1" "transfer" (func $transfer (param i32 i32 i64) (result i32)))
  (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
  ;; Memory: 0..33 the account, 33 the touch, 64 the key, 128..160 the native asset (zeroes),
  ;; 192.. room for output.
  (memory (export "memory") 1)
  (data (i32.const 64) "slot")

  (func $dispatch
    (block $transfers (block $balances (block $counter_reads (block $counter_subs
    (block $counter_adds (block $removes (block $writes (block $lens (block $reads
      (br_table $reads $lens $writes $removes $counter_adds $counter_subs $counter_reads
        $balances $transfers 9 (i32.load8_u (i32.const 33))))
    (drop (call $storage_read
      (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 192) (i32.const 256)))
    (return))
    (drop (call $storage_len (i32.const 0) (i32.const 64) (i32.const 4)))
    (return))
    (drop (call $storage_write
      (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 64) (i32.const 4)))
    (return))
    (drop (call $storage_remove (i32.const 0) (i32.const 64) (i32.const 4)))
    (return))
    (drop (call $counter_add (i32.const 0) (i32.const 64) (i32.const 4) (i64.const 1)))
    (return))
    (drop (call $counter_sub (i32.const 0) (i32.const 64) (i32.const 4) (i64.const 1)))
    (return))
    (drop (call $counter_read (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 192)))
    (return))
    (drop (call $balance (i32.const 0) (i32.const 128)))
    (return))
    (drop (call $transfer (i32.const 0) (i32.const 128) (i64.const 1))))

  (func (export "touch")
    (drop (call $input (i32.const 0) (i32.const 34)))
    (call $dispatch)
    (drop (call $set_return (i32.const 0) (i32.const 33)))))
