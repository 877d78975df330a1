;; SHA-256 (FIPS 180-4), written plainly: what a contract in a compiled language would run.
;;
;;   run   hashes the message as many times as the word at 0 says. The message's length stands at 4,
;;         the message at 1024 and on; the digest is left at 64.
;;
;; Memory: 0 passes, 4 length, 32 the state, 64 the digest, 128 the last blocks, 256 the round
;; constants, 512 the schedule, 768 the initial state, 1024 the message.
(module
  (memory (export "memory") 2)
  (data (i32.const 256)
    "\98\2f\8a\42\91\44\37\71\cf\fb\c0\b5\a5\db\b5\e9"
    "\5b\c2\56\39\f1\11\f1\59\a4\82\3f\92\d5\5e\1c\ab"
    "\98\aa\07\d8\01\5b\83\12\be\85\31\24\c3\7d\0c\55"
    "\74\5d\be\72\fe\b1\de\80\a7\06\dc\9b\74\f1\9b\c1"
    "\c1\69\9b\e4\86\47\be\ef\c6\9d\c1\0f\cc\a1\0c\24"
    "\6f\2c\e9\2d\aa\84\74\4a\dc\a9\b0\5c\da\88\f9\76"
    "\52\51\3e\98\6d\c6\31\a8\c8\27\03\b0\c7\7f\59\bf"
    "\f3\0b\e0\c6\47\91\a7\d5\51\63\ca\06\67\29\29\14"
    "\85\0a\b7\27\38\21\1b\2e\fc\6d\2c\4d\13\0d\38\53"
    "\54\73\0a\65\bb\0a\6a\76\2e\c9\c2\81\85\2c\72\92"
    "\a1\e8\bf\a2\4b\66\1a\a8\70\8b\4b\c2\a3\51\6c\c7"
    "\19\e8\92\d1\24\06\99\d6\85\35\0e\f4\70\a0\6a\10"
    "\16\c1\a4\19\08\6c\37\1e\4c\77\48\27\b5\bc\b0\34"
    "\b3\0c\1c\39\4a\aa\d8\4e\4f\ca\9c\5b\f3\6f\2e\68"
    "\ee\82\8f\74\6f\63\a5\78\14\78\c8\84\08\02\c7\8c"
    "\fa\ff\be\90\eb\6c\50\a4\f7\a3\f9\be\f2\78\71\c6")
  (data (i32.const 768)
    "\67\e6\09\6a\85\ae\67\bb\72\f3\6e\3c\3a\f5\4f\a5"
    "\7f\52\0e\51\8c\68\05\9b\ab\d9\83\1f\19\cd\e0\5b")

  ;; Reads a big-endian word.
  (func $word (param $at i32) (result i32) (local $w i32)
    (local.set $w (i32.load (local.get $at)))
    (i32.or
      (i32.and (i32.rotl (local.get $w) (i32.const 8)) (i32.const 0x00ff00ff))
      (i32.and (i32.rotr (local.get $w) (i32.const 8)) (i32.const 0xff00ff00))))

  (func $block (param $at i32)
    (local $i i32) (local $x i32) (local $y i32)
    (local $a i32) (local $b i32) (local $c i32) (local $d i32)
    (local $e i32) (local $f i32) (local $g i32) (local $h i32)
    (loop $copy
      (i32.store offset=512 (local.get $i) (call $word (i32.add (local.get $at) (local.get $i))))
      (br_if $copy (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 64))))
    (local.set $i (i32.const 0))
    (loop $extend
      (local.set $x (i32.load offset=516 (local.get $i)))
      (local.set $y (i32.load offset=568 (local.get $i)))
      (i32.store offset=576 (local.get $i)
        (i32.add
          (i32.add
            (i32.load offset=512 (local.get $i))
            (i32.xor (i32.xor
              (i32.rotr (local.get $x) (i32.const 7)) (i32.rotr (local.get $x) (i32.const 18)))
              (i32.shr_u (local.get $x) (i32.const 3))))
          (i32.add
            (i32.load offset=548 (local.get $i))
            (i32.xor (i32.xor
              (i32.rotr (local.get $y) (i32.const 17)) (i32.rotr (local.get $y) (i32.const 19)))
              (i32.shr_u (local.get $y) (i32.const 10))))))
      (br_if $extend (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 192))))
    (local.set $a (i32.load (i32.const 32)))
    (local.set $b (i32.load (i32.const 36)))
    (local.set $c (i32.load (i32.const 40)))
    (local.set $d (i32.load (i32.const 44)))
    (local.set $e (i32.load (i32.const 48)))
    (local.set $f (i32.load (i32.const 52)))
    (local.set $g (i32.load (i32.const 56)))
    (local.set $h (i32.load (i32.const 60)))
    (local.set $i (i32.const 0))
    (loop $round
      (local.set $x
        (i32.add
          (i32.add
            (i32.add (local.get $h) (i32.load offset=256 (local.get $i)))
            (i32.load offset=512 (local.get $i)))
          (i32.add
            (i32.xor (i32.xor
              (i32.rotr (local.get $e) (i32.const 6)) (i32.rotr (local.get $e) (i32.const 11)))
              (i32.rotr (local.get $e) (i32.const 25)))
            (i32.xor (local.get $g) (i32.and (local.get $e)
              (i32.xor (local.get $f) (local.get $g)))))))
      (local.set $y
        (i32.add
          (i32.xor (i32.xor
            (i32.rotr (local.get $a) (i32.const 2)) (i32.rotr (local.get $a) (i32.const 13)))
            (i32.rotr (local.get $a) (i32.const 22)))
          (i32.or
            (i32.and (local.get $a) (local.get $b))
            (i32.and (local.get $c) (i32.or (local.get $a) (local.get $b))))))
      (local.set $h (local.get $g))
      (local.set $g (local.get $f))
      (local.set $f (local.get $e))
      (local.set $e (i32.add (local.get $d) (local.get $x)))
      (local.set $d (local.get $c))
      (local.set $c (local.get $b))
      (local.set $b (local.get $a))
      (local.set $a (i32.add (local.get $x) (local.get $y)))
      (br_if $round (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 256))))
    (i32.store (i32.const 32) (i32.add (i32.load (i32.const 32)) (local.get $a)))
    (i32.store (i32.const 36) (i32.add (i32.load (i32.const 36)) (local.get $b)))
    (i32.store (i32.const 40) (i32.add (i32.load (i32.const 40)) (local.get $c)))
    (i32.store (i32.const 44) (i32.add (i32.load (i32.const 44)) (local.get $d)))
    (i32.store (i32.const 48) (i32.add (i32.load (i32.const 48)) (local.get $e)))
    (i32.store (i32.const 52) (i32.add (i32.load (i32.const 52)) (local.get $f)))
    (i32.store (i32.const 56) (i32.add (i32.load (i32.const 56)) (local.get $g)))
    (i32.store (i32.const 60) (i32.add (i32.load (i32.const 60)) (local.get $h))))

  (func $hash (param $at i32) (param $len i32) (local $end i32) (local $rest i32)
    (memory.copy (i32.const 32) (i32.const 768) (i32.const 32))
    (local.set $end (i32.add (local.get $at) (i32.and (local.get $len) (i32.const -64))))
    (block $done
      (loop $blocks
        (br_if $done (i32.eq (local.get $at) (local.get $end)))
        (call $block (local.get $at))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $blocks)))
    ;; What is left, a one bit, zeros, and the length in bits fill one block or two.
    (local.set $rest (i32.and (local.get $len) (i32.const 63)))
    (memory.fill (i32.const 128) (i32.const 0) (i32.const 128))
    (memory.copy (i32.const 128) (local.get $at) (local.get $rest))
    (i32.store8 offset=128 (local.get $rest) (i32.const 0x80))
    (local.set $end (select (i32.const 128) (i32.const 192)
      (i32.lt_u (local.get $rest) (i32.const 56))))
    ;; The length in bytes is below 2^29: its bits fit the last word.
    (i32.store offset=60 (local.get $end) (i32.shl (local.get $len) (i32.const 3)))
    (i32.store offset=60 (local.get $end) (call $word (i32.add (local.get $end) (i32.const 60))))
    (call $block (i32.const 128))
    (if (i32.eq (local.get $end) (i32.const 192)) (then (call $block (i32.const 192)))))

  (func (export "run") (local $passes i32) (local $i i32)
    (local.set $passes (i32.load (i32.const 0)))
    (loop $again
      (call $hash (i32.const 1024) (i32.load (i32.const 4)))
      (br_if $again (local.tee $passes (i32.sub (local.get $passes) (i32.const 1)))))
    (loop $out
      (i32.store offset=64 (local.get $i) (call $word (i32.add (local.get $i) (i32.const 32))))
      (br_if $out (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 32))))))
