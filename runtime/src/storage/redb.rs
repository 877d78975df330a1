pub struct RedbStorage;
