//! Any bytes as a client certificate or as the token of a service account: nobody comes in by them.

#![no_main]

use bythos_access::token::TokenSigner;
use bythos_access::user_of_certificate;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static SIGNER: TokenSigner = TokenSigner::ephemeral().expect("a key");
}

fuzz_target!(|input: &[u8]| {
    // Who signed a certificate is TLS' to check, before anybody reads it here.
    let _refused = user_of_certificate(input);
    if let Ok(token) = std::str::from_utf8(input) {
        let audiences = ["https://kubernetes.default.svc".to_owned()];
        let verified = SIGNER.with(|signer| signer.verify(token, &audiences));
        assert!(verified.is_err(), "{verified:?}");
    }
});
