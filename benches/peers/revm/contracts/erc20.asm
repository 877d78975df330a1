; A minimal ERC-20: transfer and balanceOf, balances in mapping slot 0, laid out and named in the log
; as Solidity does. Comments show the stack after the line, top on the right.

        PUSH0  CALLDATALOAD  PUSH1 0xe0  SHR            ; selector
        DUP1  PUSH4 0xa9059cbb  EQ  @transfer  JUMPI    ; selector
        PUSH4 0x70a08231  EQ  @balance_of  JUMPI        ;
fail:   PUSH0  PUSH0  REVERT

; transfer(address to, uint256 amount) -> bool
transfer:
        POP                                             ;
        CALLER  PUSH0  MSTORE                           ; the sender, and mapping slot 0 behind it
        PUSH1 0x40  PUSH0  KECCAK256                    ; slot
        DUP1  SLOAD                                     ; slot have
        PUSH1 0x24  CALLDATALOAD                        ; slot have amount
        DUP1  DUP3  LT  @fail  JUMPI                    ; slot have amount
        SWAP1  DUP2  SWAP1  SUB                         ; slot amount rest
        DUP3  SSTORE                                    ; slot amount
        PUSH1 0x04  CALLDATALOAD  PUSH0  MSTORE         ; the receiver, and mapping slot 0
        PUSH1 0x40  PUSH0  KECCAK256                    ; slot amount slot_to
        DUP1  SLOAD  DUP3  ADD                          ; slot amount slot_to sum
        DUP1  DUP4  GT  @fail  JUMPI                    ; slot amount slot_to sum
        SWAP1  SSTORE                                   ; slot amount
        PUSH0  MSTORE                                   ; slot
        ; Transfer(address indexed from, address indexed to, uint256 amount)
        PUSH1 0x04  CALLDATALOAD  CALLER
        PUSH32 0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef
        PUSH1 0x20  PUSH0  LOG3                         ; slot
        PUSH1 0x01  PUSH0  MSTORE  PUSH1 0x20  PUSH0  RETURN

; balanceOf(address holder) -> uint256
balance_of:
        PUSH1 0x04  CALLDATALOAD  PUSH0  MSTORE
        PUSH1 0x40  PUSH0  KECCAK256  SLOAD             ; balance
        PUSH0  MSTORE  PUSH1 0x20  PUSH0  RETURN
