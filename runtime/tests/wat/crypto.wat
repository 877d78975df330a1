;; Proves: the host computes the hashes and checks the signatures that everybody knows.
;;
;;   blake3, sha256, keccak256   hash the input; return 32 bytes.
;;   ed25519                     input: key (32), signature (64), message. Returns the status.
;;   recover                     input: hash (32), signature (65). Returns the status and the key.
;;   in_place                    hashes the first 8 bytes of memory, the input, onto themselves.
(module
  (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
  (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
  (import "tos_v1" "blake3" (func $blake3 (param i32 i32 i32)))
  (import "tos_v1" "sha256" (func $sha256 (param i32 i32 i32)))
  (import "tos_v1" "keccak256" (func $keccak256 (param i32 i32 i32)))
  (import "tos_v1" "ed25519_verify" (func $ed25519 (param i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "secp256k1_recover" (func $recover (param i32 i32 i32) (result i32)))
  ;; Memory: 0..64 output, 1024.. the input.
  (memory (export "memory") 1)

  (func $take (result i32) (call $input (i32.const 1024) (i32.const 64000)))

  (func (export "blake3")
    (call $blake3 (i32.const 1024) (call $take) (i32.const 0))
    (drop (call $set_return (i32.const 0) (i32.const 32))))
  (func (export "sha256")
    (call $sha256 (i32.const 1024) (call $take) (i32.const 0))
    (drop (call $set_return (i32.const 0) (i32.const 32))))
  (func (export "keccak256")
    (call $keccak256 (i32.const 1024) (call $take) (i32.const 0))
    (drop (call $set_return (i32.const 0) (i32.const 32))))

  (func (export "ed25519")
    (local $len i32)
    (local.set $len (call $take))
    (i32.store (i32.const 0) (call $ed25519
      (i32.const 1024) (i32.const 1056)
      (i32.const 1120) (i32.sub (local.get $len) (i32.const 96))))
    (drop (call $set_return (i32.const 0) (i32.const 4))))

  (func (export "recover")
    (drop (call $take))
    (i32.store (i32.const 0) (call $recover (i32.const 1024) (i32.const 1056) (i32.const 4)))
    (drop (call $set_return (i32.const 0) (i32.const 68))))

  (func (export "in_place")
    (drop (call $take))
    (i64.store (i32.const 0) (i64.load (i32.const 1024)))
    (call $sha256 (i32.const 0) (i32.const 8) (i32.const 0))
    (drop (call $set_return (i32.const 0) (i32.const 32)))))
