;; Proves: events reach the receipt in order with their topics and data, and the host refuses with a
;; status, not with silence, what is beyond a limit.
;;
;;   emit   input: topic count (u32), data (the rest). Topic n is 32 bytes of value n + 1.
;;          Returns the host's status (i32).
;;   many   input: how many (u32). Emits that many events without topics whose data is their number
;;          (u32), and returns the status of the last one (i32).
(module
  (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
  (import "tos_v1" "emit" (func $emit (param i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
  ;; Memory: 0..65536 the input, 65536.. topics, 66560 the status, 66564 a number.
  (memory (export "memory") 2)

  (func $return_status (param $status i32)
    (i32.store (i32.const 66560) (local.get $status))
    (drop (call $set_return (i32.const 66560) (i32.const 4))))

  (func $fill_topics (local $topic i32)
    (loop $next
      (memory.fill
        (i32.add (i32.const 65536) (i32.mul (local.get $topic) (i32.const 32)))
        (i32.add (local.get $topic) (i32.const 1))
        (i32.const 32))
      (local.set $topic (i32.add (local.get $topic) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $topic) (i32.const 8)))))

  (func (export "emit") (local $len i32)
    (local.set $len (call $input (i32.const 0) (i32.const 65536)))
    (call $fill_topics)
    (call $return_status (call $emit
      (i32.const 65536) (i32.load (i32.const 0))
      (i32.const 4) (i32.sub (local.get $len) (i32.const 4)))))

  (func (export "many") (local $number i32) (local $status i32)
    (drop (call $input (i32.const 0) (i32.const 4)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $number) (i32.load (i32.const 0))))
        (i32.store (i32.const 66564) (local.get $number))
        (local.set $status
          (call $emit (i32.const 0) (i32.const 0) (i32.const 66564) (i32.const 4)))
        (local.set $number (i32.add (local.get $number) (i32.const 1)))
        (br $next)))
    (call $return_status (local.get $status))))
