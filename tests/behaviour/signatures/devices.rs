//! Signature records of codes that the user's own device made: in the commit that moves counter or step.

use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::panic::catch_unwind;

use otp_engine::oath::{
    Acceptance, CodePair, Device, HashFunction, Inputs, Ocra, OcraOptions, Totp,
};
use otp_engine::record::{Channel, DeviceFacts};
use otp_engine::store::{Class, Kind};
use otp_engine::{
    Binding, ContentDigest, Error, Evidence, MemoryStore, Policy, RateLimits, Rejection,
    SignatureRecord, Store, Verdict,
    evidence::{EvidenceFault, EvidenceKind},
    record::verify_chain,
};

use super::crash::{Commits, Crash, End, Failing, sweep};
use super::{Signing, evidence_of, expected, field, key, keys, verify};
use crate::oath::{hotp, ocra, secret};
use crate::support::fixture::{self, Harness, START, at, binding, parts};
use crate::support::vault::Vault;

fn totp() -> Totp {
    Totp::new(&secret(), HashFunction::Sha256, 8, 30).unwrap()
}

fn taken(verdict: &Verdict<Acceptance>) -> SignatureRecord {
    match verdict {
        Verdict::Accepted(acceptance) => *acceptance.record.clone().expect("an engine that signs"),
        Verdict::Rejected(rejection) => panic!("rejected: {rejection:?}"),
    }
}

impl Signing {
    fn device(
        &self,
        binding: &Binding,
        device: Device<'_>,
        entered: &str,
        evidence: Evidence<'_>,
    ) -> Verdict<Acceptance> {
        let engine = &self.host.engine;
        engine
            .verify_devices(&self.store, binding, &[device], entered, evidence)
            .unwrap()
    }

    /// What the device of OCRA answers for the binding.
    fn answer_of(&self, binding: &Binding, ocra: &Ocra, counter: Option<u64>) -> (String, String) {
        let question = self.host.engine.ocra_question(binding, ocra).unwrap();
        let mut inputs = Inputs::new(&question);
        if let Some(counter) = counter {
            inputs = inputs.counter(counter);
        }
        let answer = ocra.generate(&inputs).unwrap().as_str().to_string();
        (question, answer)
    }
}

#[test]
fn case_614_each_kind_of_device_code_leaves_a_record_behind_that_of_a_sent_code() {
    let signing = Signing::new();
    let binding = binding();
    let sent = signing.sign(&binding, evidence_of("Siti"));
    let evidence = evidence_of("Siti").revision("3");

    let code = hotp();
    let verdict = signing.device(
        &binding,
        Device::hotp(&code, 5),
        code.at(4).as_str(),
        evidence,
    );
    let by_hotp = taken(&verdict);
    let code = totp();
    let text = code.at(at(0)).unwrap();
    let verdict = signing.device(&binding, Device::totp(&code, 1), text.as_str(), evidence);
    let by_totp = taken(&verdict);
    let counting = ocra("OCRA-1:HOTP-SHA256-8:C-QH16");
    let (question, answer) = signing.answer_of(&binding, &counting, Some(0));
    let device = Device::ocra(&counting, OcraOptions::new());
    let by_ocra = taken(&signing.device(&binding, device, &answer, evidence));
    let asked = ocra("OCRA-1:HOTP-SHA1-6:QH16");
    let (_, answer) = signing.answer_of(&binding, &asked, None);
    let device = Device::ocra(&asked, OcraOptions::new());
    let by_question = taken(&signing.device(&binding, device, &answer, evidence));

    let records = signing.signatures(9).unwrap();
    let all = [&by_question, &by_ocra, &by_totp, &by_hotp, &sent];
    assert!(
        records.iter().eq(all),
        "newest first, each as it was handed out"
    );
    let verdict = signing.judge(&records);
    assert!(verdict.all_good(), "{verdict:?}");

    let said = verify(&by_hotp);
    assert_eq!(
        (said.signer_name(), said.revision()),
        (Some("Siti"), Some("3"))
    );
    assert_eq!(
        (said.number(), said.email(), said.withheld()),
        (None, None, 0)
    );
    let told = |record: &SignatureRecord| {
        let said = verify(record);
        let DeviceFacts {
            counter,
            algorithm,
            period,
            suite,
            question,
            ..
        } = said.otp().device.clone().unwrap();
        let texts = (algorithm, period, suite, question);
        (said.otp().channel, said.otp().digits, counter, texts)
    };
    let text = |text: &str| Some(text.to_string());
    let step = u64::try_from(START / 30).unwrap();
    assert_eq!(
        told(&by_hotp),
        (Channel::Hotp, 6, Some(4), (text("SHA1"), None, None, None))
    );
    assert_eq!(
        told(&by_totp),
        (
            Channel::Totp,
            8,
            Some(step),
            (text("SHA256"), Some(30), None, None)
        )
    );
    assert_eq!(
        told(&by_ocra),
        (
            Channel::Ocra,
            8,
            Some(0),
            (
                None,
                None,
                text("OCRA-1:HOTP-SHA256-8:C-QH16"),
                text(&question)
            )
        )
    );
    assert_eq!(told(&by_question).2, None);
    let ids: std::collections::BTreeSet<String> = records
        .iter()
        .map(|record| verify(record).otp().id.clone())
        .collect();
    assert_eq!(ids.len(), 5, "each answer has an id of its own");
}

#[test]
fn case_614_a_record_counts_the_answers_and_a_wrong_or_used_one_leaves_none() {
    let signing = Signing::new();
    let binding = binding();
    let device = hotp();
    let judged =
        |text: &str| signing.device(&binding, Device::hotp(&device, 0), text, Evidence::new());
    for _ in 0..2 {
        let verdict = judged(device.at(77).as_str());
        assert!(matches!(verdict.rejection(), Some(Rejection::Wrong { .. })));
    }
    assert_eq!(signing.signatures(9).unwrap(), []);
    let record = taken(&judged(device.at(0).as_str()));
    assert_eq!(verify(&record).otp().attempts, 3);
    assert_eq!(
        judged(device.at(0).as_str()).rejection(),
        Some(Rejection::AlreadyUsed)
    );
    let next = taken(&judged(device.at(1).as_str()));
    assert_eq!(verify(&next).otp().attempts, 1);
    assert_eq!(signing.chain_head().count(), 2);
}

#[test]
fn case_614_two_codes_that_resynchronise_leave_a_record_too() {
    let signing = Signing::new();
    let device = hotp();
    let codes = [device.at(40), device.at(41)];
    let pair = CodePair {
        codes: [codes[0].as_str(), codes[1].as_str()],
        reach: 100,
    };
    let engine = &signing.host.engine;
    let verdict = engine
        .resynchronise(
            &signing.store,
            &binding(),
            Device::hotp(&device, 5),
            pair,
            evidence_of("Siti"),
        )
        .unwrap();
    let record = taken(&verdict);
    let said = verify(&record);
    assert_eq!(said.otp().device.as_ref().unwrap().counter, Some(41));
    assert_eq!(said.signer_name(), Some("Siti"));
}

/// The name of a credential tells nobody that two tenants have one device, and the operator that two records do.
#[test]
fn case_614_a_credential_has_one_name_in_a_tenant_and_another_in_each() {
    let signing = Signing::new();
    let device = hotp();
    let named = |binding: &Binding, counter: u64| {
        let device = Device::hotp(&device, 0);
        let verdict = signing.device(
            binding,
            device,
            hotp().at(counter).as_str(),
            Evidence::new(),
        );
        verify(&taken(&verdict))
            .otp()
            .device
            .clone()
            .unwrap()
            .credential
    };
    let here = named(&binding(), 0);
    let there = parts()
        .user("8")
        .target(fixture::record("16"))
        .build()
        .unwrap();
    assert_eq!(named(&there, 1), here);
    let globex = parts().tenant("globex").build().unwrap();
    let elsewhere = named(&globex, 0);
    assert_ne!(elsewhere, here);
    assert!(!here.iter().eq(device_name().iter()) && !elsewhere.iter().eq(device_name().iter()));
}

/// The name that the secret alone gives a credential.
fn device_name() -> [u8; 20] {
    *hotp().name()
}

#[test]
fn case_615_evidence_that_is_missing_or_unfit_is_refused_before_any_store_is_asked() {
    let policy = Policy::builder()
        .require(EvidenceKind::SignerName)
        .require(EvidenceKind::Document);
    let policy = policy.build().unwrap();
    let signing = Signing::with(|builder| builder.policy(policy));
    let offer = parts()
        .content(ContentDigest::of(b"offer"))
        .build()
        .unwrap();
    let device = hotp();
    let engine = &signing.host.engine;
    let codes = [device.at(0), device.at(1)];
    let whole = Evidence::new().signer_name("Siti").document(b"offer");
    for (evidence, fault) in [
        (
            Evidence::new(),
            EvidenceFault::Missing(EvidenceKind::SignerName),
        ),
        (
            whole.document(b"other"),
            EvidenceFault::Unfit(EvidenceKind::Document),
        ),
        (
            whole.signer_name(&"x".repeat(257)),
            EvidenceFault::TooLarge(EvidenceKind::SignerName),
        ),
        (
            whole.image(b"<svg/>"),
            EvidenceFault::Unfit(EvidenceKind::Image),
        ),
    ] {
        let refused = Some(Rejection::Evidence(fault));
        let verdict = signing.device(
            &offer,
            Device::hotp(&device, 0),
            codes[0].as_str(),
            evidence,
        );
        assert_eq!(verdict.rejection(), refused);
        let pair = CodePair {
            codes: [codes[0].as_str(), codes[1].as_str()],
            reach: 9,
        };
        let one = Device::hotp(&device, 0);
        let verdict = engine.resynchronise(&signing.store, &offer, one, pair, evidence);
        assert_eq!(verdict.unwrap().rejection(), refused);
    }
    assert_eq!(signing.store.asked(), (0, 0));
    let verdict = signing.device(&offer, Device::hotp(&device, 0), codes[0].as_str(), whole);
    assert_eq!(verify(&taken(&verdict)).document().unwrap().size, Some(5));
}

/// As of codes that are sent (case 170): a record that no chain head counts is found before anything is compared.
#[test]
fn case_637_a_chain_head_that_is_gone_is_found_by_right_and_wrong_device_codes_alike() {
    let signing = Signing::new();
    let device = hotp();
    let judged = |entered: &str| {
        let devices = [Device::hotp(&device, 5)];
        let engine = &signing.host.engine;
        engine.verify_devices(
            &signing.store,
            &binding(),
            &devices,
            entered,
            Evidence::new(),
        )
    };
    let [first, next] = [0, 1].map(|counter| device.at(counter));
    taken(&judged(first.as_str()).unwrap());
    let chain_head = signing.store.keys_of(Kind::ChainHead)[0];
    let copy = signing.store.copy();
    signing.store.remove(chain_head);
    for entered in [next.as_str(), "000000", first.as_str()] {
        let commits = signing.store.asked().1;
        let answer = judged(entered);
        assert!(
            matches!(answer, Err(Error::Tampered)),
            "{entered}: {answer:?}"
        );
        assert_eq!(signing.store.asked().1, commits);
    }
    signing.store.put_back(&copy, chain_head);
    taken(&judged(next.as_str()).unwrap());
}

#[test]
fn case_615_a_signing_engine_takes_no_store_that_may_forget_and_no_key_out_of_use() {
    let host = Harness::with(|builder| {
        let builder = builder.signing_key(key().retired_at(at(60)));
        builder.rate_limits(RateLimits::unlimited())
    });
    let device = totp();
    let judged = |store: &dyn Store, text: &str| {
        let devices = [Device::totp(&device, 1)];
        host.engine
            .verify_devices(store, &binding(), &devices, text, Evidence::new())
    };
    let code = device.at(at(0)).unwrap();
    for class in [Class::Process, Class::Expiring] {
        let store = Vault::of(class);
        assert!(matches!(
            judged(&store, code.as_str()),
            Err(Error::NotPermanent)
        ));
    }
    let store = MemoryStore::keeping_records_until_exit();
    host.at(60);
    let late = device.at(at(60)).unwrap();
    for text in [late.as_str(), "00000000"] {
        assert!(matches!(judged(&store, text), Err(Error::SigningKey(_))));
    }
    host.at(59);
    assert!(
        judged(&store, device.at(at(59)).unwrap().as_str())
            .unwrap()
            .is_accepted()
    );
}

/// Three devices that each have a mark, a meter and a chain head: eight cells, the most that a load names.
#[test]
fn case_615_three_devices_with_marks_leave_room_for_the_record() {
    let host = Harness::with(|builder| builder.signing_key(key()));
    let store = Vault::of(Class::Permanent);
    let suites = [
        "OCRA-1:HOTP-SHA1-6:QH16",
        "OCRA-1:HOTP-SHA256-8:QH16",
        "OCRA-1:HOTP-SHA512-10:QH16",
    ];
    let keys = suites.map(ocra);
    let devices = [0, 1, 2].map(|at: usize| Device::ocra(&keys[at], OcraOptions::new()));
    let binding = binding();
    for (at, ocra) in keys.iter().enumerate() {
        let question = host.engine.ocra_question(&binding, ocra).unwrap();
        let answer = ocra.generate(&Inputs::new(&question)).unwrap();
        let judged = host.engine.verify_devices(
            &store,
            &binding,
            &devices,
            answer.as_str(),
            Evidence::new(),
        );
        let record = taken(&judged.unwrap());
        let suite = verify(&record).otp().device.clone().unwrap().suite;
        assert_eq!(suite.as_deref(), Some(suites[at]));
        assert_eq!(record.sequence(), at as u64 + 1);
    }
}

#[test]
fn case_616_an_acceptance_is_one_commit_of_credential_meter_chain_head_and_record() {
    let signing = Signing::new();
    let device = hotp();
    let verdict = signing.device(
        &binding(),
        Device::hotp(&device, 0),
        device.at(0).as_str(),
        Evidence::new(),
    );
    let record = taken(&verdict);
    assert_eq!(signing.store.asked(), (1, 1), "one load and one commit");
    let cells = signing.store.keys_of(Kind::Record);
    assert_eq!(signing.store.body(cells[0]), record.to_bytes());
}

/// What one run of a wrong and a right code came to, with one step that failed.
fn crash(commits: Commits, at: usize, end: End) -> Crash {
    let store = MemoryStore::keeping_records_until_exit();
    let host = Harness::with(|builder| builder.signing_key(key()));
    let (device, binding) = (hotp(), binding());
    let judged = |store: &dyn Store, counter: u64| {
        let devices = [Device::hotp(&device, 0)];
        let code = device.at(counter);
        host.engine
            .verify_devices(store, &binding, &devices, code.as_str(), Evidence::new())
    };
    // A record is there already, so that the chain head is changed and not only made.
    assert!(judged(&store, 0).unwrap().is_accepted());
    let failing = Failing {
        inner: &store,
        commits,
        steps: AtomicUsize::new(0),
        ends: |step| if step == at { end } else { End::Well },
    };
    let mut accepted = 0;
    // A host that is stopped is gone; one that hears an error asks again.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let _ = judged(&failing, 77);
        for _ in 0..2 {
            let verdict = judged(&failing, 1);
            accepted += usize::from(verdict.is_ok_and(|verdict| verdict.is_accepted()));
        }
    }));
    let met = failing.steps.load(Ordering::SeqCst) > at;
    let again = judged(&store, 1);
    let told = match &again {
        Ok(Verdict::Accepted(_)) => accepted == 0,
        Ok(Verdict::Rejected(rejection)) => *rejection == Rejection::AlreadyUsed,
        Err(_) => false,
    };
    let records = host.engine.signatures(&store, "acme", &field(), 9);
    let head = host.engine.chain_head(&store, "acme", &field()).unwrap();
    let counters: Vec<_> = match &records {
        Ok(records) => records
            .iter()
            .map(|record| verify(record).otp().device.clone().unwrap().counter)
            .collect(),
        Err(error) => {
            let wrong = Some(format!("the records of the field: {error}"));
            return Crash { met, wrong };
        }
    };
    let chain = verify_chain(&records.unwrap(), &keys(), &expected().chain_head(head));
    let wrong = (!told || accepted > 1 || counters != [Some(1), Some(0)] || !chain.all_good())
        .then(|| format!("{again:?}, accepted {accepted} times, records of {counters:?}"));
    Crash { met, wrong }
}

#[test]
fn case_616_a_crash_between_any_two_steps_leaves_the_counter_and_its_record_together() {
    let (steps, wrong) = sweep(|at, end| crash(Commits::Whole, at, end));
    assert_eq!(wrong, [""; 0]);
    assert!(steps >= 5, "{steps} steps");
}

#[test]
fn control_case_616_a_store_that_commits_cell_by_cell_is_caught_by_the_same_sweep() {
    let (_, wrong) = sweep(|at, end| crash(Commits::Cellwise, at, end));
    let torn = wrong
        .iter()
        .any(|wrong| wrong.contains("records of [Some(0)]"));
    assert!(torn, "a counter that moved without its record: {wrong:?}");
}
