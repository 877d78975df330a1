;; The host interface with nothing in between: one export per host function, under its name, which
;; passes on whatever arguments it is given. Tests use it to try each pointer and each length of
;; each function (rows H01 to H03, H05, H08, H09, H11 to H13, H15, H16, H20, H22, H25); the attacks
;; that take more than one call are `hostile.wat` beside it.
;;
;; Input of every entry, little-endian and without gaps: how many bytes of memory to return (u32),
;; then the arguments in order, an i32 as u32 and an i64 as u64, then anything. Returns that many
;; bytes of memory from address 0 on, as the host left them, and at least 8; the first 8 are the
;; result as i64, zero where there is none.
(module
  (import "tos_v1" "source" (func $source (param $out i32)))
  (import "tos_v1" "caller" (func $caller (param $out i32)))
  (import "tos_v1" "contract" (func $contract (param $out i32)))
  (import "tos_v1" "topoheight" (func $topoheight (result i64)))
  (import "tos_v1" "timestamp" (func $timestamp (result i64)))
  (import "tos_v1" "block_version" (func $block_version (result i32)))
  (import "tos_v1" "transaction_id" (func $transaction_id (param $out i32)))
  (import "tos_v1" "input" (func $input (param $out i32) (param $cap i32) (result i32)))
  (import "tos_v1" "deposit" (func $deposit (param $asset i32) (result i64)))
  (import "tos_v1" "gas_left" (func $gas_left (result i64)))
  (import "tos_v1" "deposit_count" (func $deposit_count (result i32)))
  (import "tos_v1" "storage_read" (func $storage_read
    (param $partition i32) (param $key i32) (param $key_len i32) (param $out i32)
    (param $cap i32) (result i32)))
  (import "tos_v1" "storage_len" (func $storage_len
    (param $partition i32) (param $key i32) (param $key_len i32) (result i32)))
  (import "tos_v1" "storage_write" (func $storage_write
    (param $partition i32) (param $key i32) (param $key_len i32) (param $value i32)
    (param $value_len i32) (result i32)))
  (import "tos_v1" "storage_remove" (func $storage_remove
    (param $partition i32) (param $key i32) (param $key_len i32) (result i32)))
  (import "tos_v1" "counter_add" (func $counter_add
    (param $partition i32) (param $key i32) (param $key_len i32) (param $amount i64) (result i32)))
  (import "tos_v1" "counter_sub" (func $counter_sub
    (param $partition i32) (param $key i32) (param $key_len i32) (param $amount i64) (result i32)))
  (import "tos_v1" "counter_read" (func $counter_read
    (param $partition i32) (param $key i32) (param $key_len i32) (param $out i32) (result i32)))
  (import "tos_v1" "balance" (func $balance (param $account i32) (param $asset i32) (result i64)))
  (import "tos_v1" "transfer" (func $transfer
    (param $to i32) (param $asset i32) (param $amount i64) (result i32)))
  (import "tos_v1" "burn" (func $burn (param $asset i32) (param $amount i64) (result i32)))
  (import "tos_v1" "call" (func $call
    (param $contract i32) (param $entry i32) (param $entry_len i32)
    (param $input i32) (param $input_len i32) (param $gas i64)
    (param $deposits i32) (param $deposit_count i32) (result i32)))
  (import "tos_v1" "return_data" (func $return_data (param $out i32) (param $cap i32) (result i32)))
  (import "tos_v1" "revert_code" (func $revert_code (result i32)))
  (import "tos_v1" "set_return" (func $set_return (param $data i32) (param $len i32) (result i32)))
  (import "tos_v1" "emit" (func $emit
    (param $topics i32) (param $topic_count i32) (param $data i32) (param $data_len i32)
    (result i32)))
  (import "tos_v1" "abort" (func $abort
    (param $code i32) (param $message i32) (param $message_len i32) (param $file i32)
    (param $file_len i32) (param $line i32)))
  (import "tos_v1" "debug_log" (func $debug_log (param $message i32) (param $len i32)))
  (import "tos_v1" "blake3" (func $blake3 (param $data i32) (param $len i32) (param $out i32)))
  (import "tos_v1" "sha256" (func $sha256 (param $data i32) (param $len i32) (param $out i32)))
  (import "tos_v1" "keccak256" (func $keccak256
    (param $data i32) (param $len i32) (param $out i32)))
  (import "tos_v1" "ed25519_verify" (func $ed25519_verify
    (param $public_key i32) (param $signature i32) (param $message i32) (param $message_len i32)
    (result i32)))
  (import "tos_v1" "secp256k1_recover" (func $secp256k1_recover
    (param $hash i32) (param $signature i32) (param $out i32) (result i32)))
  (import "tos_v1" "random" (func $random (param $out i32) (param $len i32) (result i32)))

  ;; Memory: 0..8 the result, 8.. the input. So arguments start at 12, and whatever follows them can
  ;; be pointed at.
  (memory (export "memory") 2)

  ;; How much to return. Not kept in memory, where a host function may be told to write.
  (global $len (mut i32) (i32.const 8))

  (func $take
    (drop (call $input (i32.const 8) (i32.const 65536)))
    (global.set $len (i32.load (i32.const 8))))

  (func $i32 (param $address i32) (result i32) (i32.load (local.get $address)))
  (func $i64 (param $address i32) (result i64) (i64.load (local.get $address)))

  ;; Stores the result and returns memory.
  (func $give (param $result i64)
    (i64.store (i32.const 0) (local.get $result))
    (drop (call $set_return
      (i32.const 0)
      (select (global.get $len) (i32.const 8) (i32.gt_u (global.get $len) (i32.const 8))))))

  (func (export "source")
    (call $take)
    (call $source (call $i32 (i32.const 12)))
    (call $give (i64.const 0)))

  (func (export "caller")
    (call $take)
    (call $caller (call $i32 (i32.const 12)))
    (call $give (i64.const 0)))

  (func (export "contract")
    (call $take)
    (call $contract (call $i32 (i32.const 12)))
    (call $give (i64.const 0)))

  (func (export "topoheight")
    (call $take)
    (call $give (call $topoheight)))

  (func (export "timestamp")
    (call $take)
    (call $give (call $timestamp)))

  (func (export "block_version")
    (call $take)
    (call $give (i64.extend_i32_s (call $block_version))))

  (func (export "transaction_id")
    (call $take)
    (call $transaction_id (call $i32 (i32.const 12)))
    (call $give (i64.const 0)))

  (func (export "input")
    (call $take)
    (call $give (i64.extend_i32_s (call $input
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16))))))

  (func (export "deposit")
    (call $take)
    (call $give (call $deposit (call $i32 (i32.const 12)))))

  (func (export "gas_left")
    (call $take)
    (call $give (call $gas_left)))

  (func (export "deposit_count")
    (call $take)
    (call $give (i64.extend_i32_u (call $deposit_count))))

  (func (export "storage_read")
    (call $take)
    (call $give (i64.extend_i32_s (call $storage_read
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16)) (call $i32 (i32.const 20))
      (call $i32 (i32.const 24)) (call $i32 (i32.const 28))))))

  (func (export "storage_len")
    (call $take)
    (call $give (i64.extend_i32_s (call $storage_len
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16)) (call $i32 (i32.const 20))))))

  (func (export "storage_write")
    (call $take)
    (call $give (i64.extend_i32_s (call $storage_write
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16)) (call $i32 (i32.const 20))
      (call $i32 (i32.const 24)) (call $i32 (i32.const 28))))))

  (func (export "storage_remove")
    (call $take)
    (call $give (i64.extend_i32_s (call $storage_remove
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16)) (call $i32 (i32.const 20))))))

  (func (export "counter_add")
    (call $take)
    (call $give (i64.extend_i32_s (call $counter_add
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16)) (call $i32 (i32.const 20))
      (call $i64 (i32.const 24))))))

  (func (export "counter_sub")
    (call $take)
    (call $give (i64.extend_i32_s (call $counter_sub
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16)) (call $i32 (i32.const 20))
      (call $i64 (i32.const 24))))))

  (func (export "counter_read")
    (call $take)
    (call $give (i64.extend_i32_s (call $counter_read
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16)) (call $i32 (i32.const 20))
      (call $i32 (i32.const 24))))))

  (func (export "balance")
    (call $take)
    (call $give (call $balance (call $i32 (i32.const 12)) (call $i32 (i32.const 16)))))

  (func (export "transfer")
    (call $take)
    (call $give (i64.extend_i32_s (call $transfer
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16)) (call $i64 (i32.const 20))))))

  (func (export "burn")
    (call $take)
    (call $give (i64.extend_i32_s (call $burn
      (call $i32 (i32.const 12)) (call $i64 (i32.const 16))))))

  (func (export "call")
    (call $take)
    (call $give (i64.extend_i32_s (call $call
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16)) (call $i32 (i32.const 20))
      (call $i32 (i32.const 24)) (call $i32 (i32.const 28)) (call $i64 (i32.const 32))
      (call $i32 (i32.const 40)) (call $i32 (i32.const 44))))))

  (func (export "return_data")
    (call $take)
    (call $give (i64.extend_i32_s (call $return_data
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16))))))

  (func (export "revert_code")
    (call $take)
    (call $give (i64.extend_i32_s (call $revert_code))))

  (func (export "set_return")
    (call $take)
    (call $give (i64.extend_i32_s (call $set_return
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16))))))

  (func (export "emit")
    (call $take)
    (call $give (i64.extend_i32_s (call $emit
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16)) (call $i32 (i32.const 20))
      (call $i32 (i32.const 24))))))

  (func (export "abort")
    (call $take)
    (call $abort
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16)) (call $i32 (i32.const 20))
      (call $i32 (i32.const 24)) (call $i32 (i32.const 28)) (call $i32 (i32.const 32)))
    (call $give (i64.const 0)))

  (func (export "debug_log")
    (call $take)
    (call $debug_log (call $i32 (i32.const 12)) (call $i32 (i32.const 16)))
    (call $give (i64.const 0)))

  (func (export "blake3")
    (call $take)
    (call $blake3 (call $i32 (i32.const 12)) (call $i32 (i32.const 16)) (call $i32 (i32.const 20)))
    (call $give (i64.const 0)))

  (func (export "sha256")
    (call $take)
    (call $sha256 (call $i32 (i32.const 12)) (call $i32 (i32.const 16)) (call $i32 (i32.const 20)))
    (call $give (i64.const 0)))

  (func (export "keccak256")
    (call $take)
    (call $keccak256
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16)) (call $i32 (i32.const 20)))
    (call $give (i64.const 0)))

  (func (export "ed25519_verify")
    (call $take)
    (call $give (i64.extend_i32_s (call $ed25519_verify
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16)) (call $i32 (i32.const 20))
      (call $i32 (i32.const 24))))))

  (func (export "secp256k1_recover")
    (call $take)
    (call $give (i64.extend_i32_s (call $secp256k1_recover
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16)) (call $i32 (i32.const 20))))))

  (func (export "random")
    (call $take)
    (call $give (i64.extend_i32_s (call $random
      (call $i32 (i32.const 12)) (call $i32 (i32.const 16)))))))
