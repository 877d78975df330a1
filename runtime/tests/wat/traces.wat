;; Proves: nothing a call leaves behind is there when the next one begins. Not a module as it is: the
;; test puts numbers in for PAGES, TOP (the initial stack pointer), REPORT (where it reports), SIZE
;; (bytes of memory) and LAST (where the last data segment goes).
;;
;;   run    returns a hash of all of memory before anything was written, the globals and the size of
;;          memory; then does what the input says, 8 bytes a step: address (u32), what (u8), how
;;          much (u8), nothing (u16).
(module
  (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
  (import "tos_v1" "blake3" (func $blake3 (param i32 i32 i32)))
  (import "tos_v1" "caller" (func $caller (param i32)))
  (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
  (import "tos_v1" "abort" (func $abort (param i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") PAGES)
  (global $pointer (mut i32) (i32.const TOP))
  (global $wide (mut i64) (i64.const 7))
  (global $number (mut i32) (i32.const -5))
  (data (i32.const 1000) "some data that calls overwrite")
  (data (i32.const LAST) "the end")

  (func $deep (param $at i32) (param $more i32)
    (i32.store offset=4 (local.get $at) (i32.const -1))
    (if (local.get $more)
      (then
        (call $deep
          (i32.add (local.get $at) (i32.const 24)) (i32.sub (local.get $more) (i32.const 1))))))

  (func $step (param $at i32) (param $what i32) (param $much i32)
    block $abort block $forever block $trap block $deep block $grow block $globals block $caller
    block $input block $copy block $fill block $short block $far block $near block $beyond
    block $wide block $byte
      (br_table $byte $wide $beyond $near $far $short $fill $copy $input $caller $globals
        $grow $deep $trap $forever $abort (local.get $what))
    end (i32.store8 (local.get $at) (i32.const 0x55)) return
    end (i64.store (local.get $at) (i64.const -1)) return
    end (i32.store offset=250 (local.get $at) (i32.const -1)) return
    end (i64.store offset=248 (local.get $at) (i64.const -1)) return
    end (i64.store32 offset=20000 (local.get $at) (i64.const -1)) return
    end
      (i32.store16 offset=1 (local.get $at) (i32.const -1))
      (i64.store8 offset=9 (local.get $at) (i64.const -1))
      (i64.store16 offset=300 (local.get $at) (i64.const -1)) return
    end (memory.fill (local.get $at) (i32.const 0xAB) (local.get $much)) return
    end (memory.copy (local.get $at) (i32.const 1000) (local.get $much)) return
    end (drop (call $input (local.get $at) (i32.const 4096))) return
    end (call $caller (local.get $at)) return
    end
      (global.set $pointer (local.get $at))
      (global.set $wide (i64.const 99))
      (global.set $number (local.get $much)) return
    end (drop (memory.grow (i32.const 1))) return
    end (call $deep (local.get $at) (local.get $much)) return
    end unreachable
    end (loop (br 0))
    end
    (call $abort (local.get $much) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 0)))

  (func (export "run")
    (local $at i32) (local $end i32)
    (call $blake3 (i32.const 0) (i32.const SIZE) (i32.const REPORT))
    (i32.store offset=32 (i32.const REPORT) (global.get $pointer))
    (i64.store offset=36 (i32.const REPORT) (global.get $wide))
    (i32.store offset=44 (i32.const REPORT) (global.get $number))
    (i32.store offset=48 (i32.const REPORT) (memory.size))
    (drop (call $set_return (i32.const REPORT) (i32.const 52)))
    (local.set $at (i32.const REPORT))
    (local.set $end
      (i32.add (local.get $at) (call $input (local.get $at) (i32.const 256))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (call $step
          (i32.load (local.get $at))
          (i32.load8_u offset=4 (local.get $at))
          (i32.load8_u offset=5 (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $next)))))
