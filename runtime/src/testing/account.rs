//! People with names.

use ed25519_zebra::SigningKey;
use tos_host_api::{Address, PublicKey};

/// Somebody who signs transactions. The key follows from the name, so a name is the same account in
/// every test.
#[derive(Clone)]
pub struct TestAccount {
    name: String,
    key: SigningKey,
}

impl TestAccount {
    pub(super) fn named(name: &str) -> Self {
        let seed = blake3::derive_key("tos-runtime test account v1", name.as_bytes());
        Self { name: name.into(), key: SigningKey::from(seed) }
    }

    /// The name it was asked for by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its public key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.key.verification_key().into())
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> Address {
        Address::Key(self.public_key())
    }

    /// The key it signs with.
    #[must_use]
    pub fn signing_key(&self) -> &SigningKey {
        &self.key
    }
}

impl std::fmt::Debug for TestAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name, self.address())
    }
}

impl From<&TestAccount> for Address {
    fn from(account: &TestAccount) -> Self {
        account.address()
    }
}
