;; Each of the three hashes of 100 bytes.
(module
  (import "tos_v1" "blake3" (func $blake3 (param i32 i32 i32)))
  (import "tos_v1" "sha256" (func $sha256 (param i32 i32 i32)))
  (import "tos_v1" "keccak256" (func $keccak256 (param i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "run")
    (call $blake3 (i32.const 0) (i32.const 100) (i32.const 128))
    (call $sha256 (i32.const 0) (i32.const 100) (i32.const 160))
    (call $keccak256 (i32.const 0) (i32.const 100) (i32.const 192))))
