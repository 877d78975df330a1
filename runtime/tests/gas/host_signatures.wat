;; A signature of each kind; that both are wrong makes them no cheaper.
(module
  (import "tos_v1" "ed25519_verify" (func $ed25519_verify (param i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "secp256k1_recover" (func $secp256k1_recover (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "no key, no signature, no hash")
  (func (export "run")
    (drop (call $ed25519_verify (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 50)))
    (drop (call $secp256k1_recover (i32.const 0) (i32.const 0) (i32.const 128)))))
