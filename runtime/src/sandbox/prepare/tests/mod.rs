//! Tests of the gate and of metering. Programs run on wasmtime with nothing else of the engine.

mod entry;
mod gate;
mod generated;
mod generator;
mod machine;
mod metering;
mod operators;
mod work;
mod writes;
