//! What a witness may answer, and what changes nothing.

use otp_log::{AddCheckpoint, AnswerError, Note, Timestamp, VerifyError, WitnessAnswer};

use crate::support::*;

const NOW: Timestamp = Timestamp::from_unix(1_790_000_000);

fn request() -> AddCheckpoint {
    text("/add_checkpoint/request").parse().unwrap()
}

fn judge(status: u16, content_type: &str, body: &[u8]) -> Result<WitnessAnswer, AnswerError> {
    let keys = [vkey("w1"), vkey("w2")];
    request().judge(&keys, NOW, status, content_type, body)
}

#[test]
fn case_578_a_409_is_taken_with_its_type_and_a_size_that_the_log_has_reached() {
    const TYPE: &str = "text/x.tlog.size";
    for (kind, body) in [(TYPE, "0\n"), ("Text/X.Tlog.Size; charset=utf-8", "70\n")] {
        let size = body.trim_end().parse().unwrap();
        let expected = Ok(WitnessAnswer::Conflict { size });
        assert_eq!(judge(409, kind, body.as_bytes()), expected);
    }
    let ahead = judge(409, TYPE, b"9223372036854775807\n");
    let size = (1 << 63) - 1;
    assert_eq!(ahead, Err(AnswerError::Behind { size }));
    for body in [
        "9223372036854775808\n",
        "52",
        "052\n",
        "52\n\n",
        "",
        "-1\n",
        "5 2\n",
        &"1".repeat(99),
    ] {
        let answer = judge(409, TYPE, body.as_bytes());
        assert!(
            matches!(answer, Err(AnswerError::Parse(_))),
            "{body:?}: {answer:?}"
        );
    }
    // Of another type it is what 1.0.0 said of another root.
    for (status, kind) in [
        (409, "text/plain"),
        (409, ""),
        (400, TYPE),
        (403, ""),
        (404, ""),
        (422, ""),
        (500, ""),
        (201, ""),
        (302, ""),
    ] {
        assert_eq!(
            judge(status, kind, b"52\n"),
            Err(AnswerError::Refused { status })
        );
    }
}

#[test]
fn case_578_a_200_is_taken_for_lines_of_known_keys_over_this_checkpoint_alone() {
    let checkpoint = request().note().checkpoint().unwrap();
    let line = |name: &str, seconds| {
        let line = witness(name).cosign(&checkpoint, Timestamp::from_unix(seconds));
        format!("{}\n", line.unwrap())
    };
    let now = NOW.unix();
    let both = line("w1", now) + &line("w2", now + 60);
    let Ok(WitnessAnswer::Cosigned(lines)) = judge(200, "", both.as_bytes()) else {
        panic!("not taken");
    };
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1].time(), Timestamp::from_unix(now + 60));
    // One witness twice is one.
    let twice = line("w1", now) + &line("w1", now + 1);
    let taken = judge(200, "", twice.as_bytes());
    assert!(matches!(taken, Ok(WitnessAnswer::Cosigned(lines)) if lines.len() == 1));

    let refused = |body: &str| judge(200, "", body.as_bytes()).unwrap_err();
    let id = vkey("w1").id();
    assert_eq!(
        refused(&line("w1", now + 61)),
        VerifyError::Early(id).into()
    );
    // Of another checkpoint; of a key that nobody knows; the log's own line.
    let other: Note = text("/checkpoint_48").parse().unwrap();
    let other = witness("w1")
        .cosign(&other.checkpoint().unwrap(), NOW)
        .unwrap();
    assert_eq!(
        refused(&format!("{other}\n")),
        VerifyError::Signature(id).into()
    );
    let stranger = otp_log::CosignerKey::from_seed("witness.example/w1", &[9; 32]).unwrap();
    let stranger = format!("{}\n", stranger.cosign(&checkpoint, NOW).unwrap());
    assert_eq!(refused(&stranger), VerifyError::Unsigned.into());
    let own = format!("{}\n", request().note().signatures()[0]);
    assert_eq!(refused(&own), VerifyError::Unsigned.into());
    // What is known stands beside what is not.
    let beside = stranger + &line("w2", now);
    assert!(judge(200, "", beside.as_bytes()).is_ok());
    // A bad line of a known key spoils them all.
    let spoilt = line("w2", now) + &format!("{other}\n");
    assert_eq!(refused(&spoilt), VerifyError::Signature(id).into());

    let megabytes = line("w1", now).repeat(20_000);
    for body in [
        &megabytes,
        &line("w1", now).repeat(33),
        "",
        "\n",
        line("w1", now).trim_end(),
        "x\n",
    ] {
        let error = refused(body);
        assert!(matches!(error, AnswerError::Parse(_)), "{error}");
    }
    assert!(judge(200, "", b"\xff\n").is_err());
}
