pub struct MemoryStorage;
