;; A token, in its smallest reading. Each holder's balance is a counter slot named "balance" in the
;; holder's own partition of this contract, so a transfer touches two holders and nothing shared:
;; transfers between different people run in parallel, and a thousand people can pay one shop at
;; once, because the receiver's balance is only added to.
;;
;;   init          run by the deployment. Input: the supply (u64, little-endian). All of it goes to
;;                 the deployer.
;;   transfer      input: receiver (33-byte address), amount (u64). The caller's partition needs
;;                 `Write`, which every source has; the receiver's needs `Credit`. Emits an event
;;                 with the topic "token.transfer" and the data sender, receiver, amount.
;;   balance_of    input: holder (33-byte address). Returns 16 little-endian bytes. Made for views.
;;   total_supply  returns 16 little-endian bytes. Made for views.
;;
;; Abort codes: 1 = the balance is too small, 2 = the input has the wrong length.
(module
  (import "tos_v1" "caller" (func $caller (param $out i32)))
  (import "tos_v1" "contract" (func $contract (param $out i32)))
  (import "tos_v1" "input" (func $input (param $out i32) (param $cap i32) (result i32)))
  (import "tos_v1" "counter_add" (func $counter_add
    (param $partition i32) (param $key i32) (param $key_len i32) (param $amount i64) (result i32)))
  (import "tos_v1" "counter_sub" (func $counter_sub
    (param $partition i32) (param $key i32) (param $key_len i32) (param $amount i64) (result i32)))
  (import "tos_v1" "counter_read" (func $counter_read
    (param $partition i32) (param $key i32) (param $key_len i32) (param $out i32) (result i32)))
  (import "tos_v1" "emit" (func $emit
    (param $topics i32) (param $topic_count i32) (param $data i32) (param $data_len i32)
    (result i32)))
  (import "tos_v1" "set_return" (func $set_return (param $data i32) (param $len i32) (result i32)))
  (import "tos_v1" "abort" (func $abort
    (param $code i32) (param $message i32) (param $message_len i32)
    (param $file i32) (param $file_len i32) (param $line i32)))

  ;; Memory. The first three fields lie side by side, so that together they are the event's data:
  ;;   0..33    caller
  ;;   33..66   receiver or holder   } exactly
  ;;   66..74   amount               } transfer's input
  ;;   80..113  this contract's address
  ;;   128..144 a counter's value
  ;;   160..    constants
  (memory (export "memory") 1)
  (data (i32.const 160) "balance")
  (data (i32.const 168) "supply")
  ;; A topic has 32 bytes; the rest of them stays zero.
  (data (i32.const 192) "token.transfer")
  (data (i32.const 224) "balance too small")
  (data (i32.const 256) "input has the wrong length")

  ;; Reads the input to `$out`; aborts unless it is `$len` bytes long.
  (func $take_input (param $out i32) (param $len i32)
    (if (i32.ne (call $input (local.get $out) (local.get $len)) (local.get $len))
      (then
        (call $abort (i32.const 2) (i32.const 256) (i32.const 26)
          (i32.const 0) (i32.const 0) (i32.const 0)))))

  (func (export "init")
    (call $take_input (i32.const 66) (i32.const 8))
    (call $caller (i32.const 0))
    (call $contract (i32.const 80))
    (drop (call $counter_add
      (i32.const 0) (i32.const 160) (i32.const 7) (i64.load (i32.const 66))))
    (drop (call $counter_add
      (i32.const 80) (i32.const 168) (i32.const 6) (i64.load (i32.const 66)))))

  (func (export "transfer")
    (call $take_input (i32.const 33) (i32.const 41))
    (call $caller (i32.const 0))
    ;; The only failure possible here is a balance below the amount.
    (if (call $counter_sub (i32.const 0) (i32.const 160) (i32.const 7) (i64.load (i32.const 66)))
      (then
        (call $abort (i32.const 1) (i32.const 224) (i32.const 17)
          (i32.const 0) (i32.const 0) (i32.const 0))))
    (drop (call $counter_add
      (i32.const 33) (i32.const 160) (i32.const 7) (i64.load (i32.const 66))))
    (drop (call $emit (i32.const 192) (i32.const 1) (i32.const 0) (i32.const 74))))

  (func (export "balance_of")
    (call $take_input (i32.const 33) (i32.const 33))
    (drop (call $counter_read (i32.const 33) (i32.const 160) (i32.const 7) (i32.const 128)))
    (drop (call $set_return (i32.const 128) (i32.const 16))))

  (func (export "total_supply")
    (call $contract (i32.const 80))
    (drop (call $counter_read (i32.const 80) (i32.const 168) (i32.const 6) (i32.const 128)))
    (drop (call $set_return (i32.const 128) (i32.const 16)))))
