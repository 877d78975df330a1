;; A token for the NEAR vm: `transfer` takes an amount (u64, little-endian) followed by the receiver's
;; account id, and moves tokens of whoever calls. A balance is a u64 under "t" and the account id.
;; Binary arguments and a short log line instead of NEP-141's JSON, so less work than real tokens.
(module
  (import "env" "input" (func $input (param i64)))
  (import "env" "register_len" (func $register_len (param i64) (result i64)))
  (import "env" "read_register" (func $read_register (param i64 i64)))
  (import "env" "predecessor_account_id" (func $predecessor_account_id (param i64)))
  (import "env" "storage_read" (func $storage_read (param i64 i64 i64) (result i64)))
  (import "env" "storage_write" (func $storage_write (param i64 i64 i64 i64 i64) (result i64)))
  (import "env" "log_utf8" (func $log_utf8 (param i64 i64)))
  (import "env" "panic" (func $panic))

  ;; 0: a balance. 16: "t" and the sender's id. 128: "t", the input: 8 bytes of amount, the receiver's
  ;; id. The byte before the id becomes its "t" once the amount is read.
  (memory (export "memory") 1)
  (data (i32.const 16) "t")

  ;; The balance under a key; nothing there is zero.
  (func $balance (param $len i64) (param $key i64) (result i64)
    (if (i64.eqz (call $storage_read (local.get $len) (local.get $key) (i64.const 0)))
      (then (return (i64.const 0))))
    (call $read_register (i64.const 0) (i64.const 0))
    (i64.load (i32.const 0)))

  (func $set_balance (param $len i64) (param $key i64) (param $balance i64)
    (i64.store (i32.const 0) (local.get $balance))
    (drop (call $storage_write
      (local.get $len) (local.get $key) (i64.const 8) (i64.const 0) (i64.const 1))))

  (func (export "transfer")
    (local $from_len i64) (local $to_len i64) (local $amount i64) (local $have i64)
    (call $predecessor_account_id (i64.const 0))
    (local.set $from_len (i64.add (call $register_len (i64.const 0)) (i64.const 1)))
    (call $read_register (i64.const 0) (i64.const 17))
    (call $input (i64.const 0))
    (call $read_register (i64.const 0) (i64.const 128))
    (local.set $to_len (i64.sub (call $register_len (i64.const 0)) (i64.const 7)))
    (local.set $amount (i64.load (i32.const 128)))
    (i32.store8 (i32.const 135) (i32.const 0x74))

    (local.set $have (call $balance (local.get $from_len) (i64.const 16)))
    (if (i64.lt_u (local.get $have) (local.get $amount)) (then (call $panic)))
    (call $set_balance (local.get $from_len) (i64.const 16)
      (i64.sub (local.get $have) (local.get $amount)))

    (local.set $have (call $balance (local.get $to_len) (i64.const 135)))
    (local.set $amount (i64.add (local.get $have) (local.get $amount)))
    (if (i64.lt_u (local.get $amount) (local.get $have)) (then (call $panic)))
    (call $set_balance (local.get $to_len) (i64.const 135) (local.get $amount))

    (call $log_utf8 (i64.sub (local.get $to_len) (i64.const 1)) (i64.const 136))))
