//! Send: a code is issued, its message handed over, and what the gateway said reported.

use otp_engine::{
    ChallengeId, Issuance, Refusal, Timestamp,
    challenge::{DeliveryStatus, GatewayStatus},
    message::Message,
    operation::{Delivery, DeliveryReport},
};
use serde_json::Value;

use super::{Admitted, Case, Ended, Outcome, Service};
use crate::answer::{self, Live, Refused, Stands};
use crate::deliveries;
use crate::directory::{Fault, Terms};
use crate::error::chain;
use crate::gateway::{Reply, Unanswered};
use crate::redirects::WithPath;
use crate::request::Send;

/// A code to send; the contract's half of it.
pub(crate) struct Outgoing {
    case: Case,
    slot: [u8; 32],
    id: ChallengeId,
    send: u8,
    expires_at: Timestamp,
    /// What is left of the code's life as the message says it.
    minutes: u64,
    text: Message,
}

impl Service {
    /// Issues a code; what is returned is to be sent.
    pub(crate) fn issue(&self, admitted: &Admitted, asked: &Send) -> Outcome<Outgoing> {
        let case = self.case(admitted, &asked.place)?;
        let Terms {
            template, subject, ..
        } = &admitted.terms;
        // What does not fit must show before there is a code that nobody receives.
        let (digits, life) = (
            case.engine.policy().code().len(),
            case.engine.policy().validity(),
        );
        let longest = u32::try_from(life.as_secs() / 60).unwrap_or(u32::MAX);
        let _ = template.compose(&"0".repeat(digits), longest, subject)?;
        let asked_at = self.now()?;
        let slot = deliveries::slot(&admitted.user, &case.binding.target());
        let store = WithPath::keep(&*self.store, asked.redirect_url.as_deref());
        let issued = match case.engine.issue(&store, &case.binding)? {
            Issuance::Issued(issued) => issued,
            Issuance::Refused(refusal) => return Err(self.refusal(&case, &slot, &refusal)?),
        };
        let minutes = answer::minutes(issued.expires_at, asked_at);
        let said = u32::try_from(minutes).unwrap_or(u32::MAX);
        let text = template.compose(issued.code.as_str(), said, subject)?;
        Ok(Outgoing {
            slot,
            id: issued.id,
            send: issued.send,
            expires_at: issued.expires_at,
            minutes,
            text,
            case,
        })
    }

    fn refusal(&self, case: &Case, slot: &[u8; 32], refusal: &Refusal) -> Result<Ended, Fault> {
        let status = match refusal.id {
            Some(_) => case.engine.status(&*self.store, &case.binding)?,
            None => None,
        };
        let now = self.now()?;
        let stands = status.map(|status| {
            let minutes = answer::minutes(status.expires_at, now);
            let is_taken = self.deliveries.of(slot) == Some((status.id, status.sends));
            Stands {
                live: self.live(case, status.id, status.expires_at, minutes),
                state: status.state,
                delivery: match status.delivery {
                    DeliveryStatus::Unreported if is_taken => DeliveryStatus::Sent,
                    known => known,
                },
            }
        });
        let refused = Refused {
            reason: refusal.reason,
            id: refusal.id,
            retry_at: refusal.retry_at,
        };
        let answer = answer::refused(refused, stands.as_ref(), now);
        Ok(Ended::Answered(answer))
    }

    /// Hands a message to the gateway.
    pub(crate) fn hand_over(&self, outgoing: &Outgoing) -> Result<Reply, Unanswered> {
        let number = outgoing.case.number.as_str();
        self.gateway.send(number, outgoing.text.text())
    }

    /// Reports what the gateway said, and answers; nothing is reported where it said nothing. That it
    /// took a message is kept here, for the next guess to carry along.
    pub(crate) fn report(&self, outgoing: &Outgoing, said: &Result<Reply, Unanswered>) -> Value {
        let reply = match said {
            Ok(reply) => reply,
            // Perhaps it was sent: nothing is refunded, and the cooldown keeps a second one back.
            Err(unanswered) => {
                tracing::warn!(%unanswered, "whether a message goes out is not known");
                return answer::gateway_failed("");
            }
        };
        let delivery = if reply.is_ok() {
            tracing::info!(
                challenge = %outgoing.id,
                send = outgoing.send,
                "the gateway took a message"
            );
            Delivery::Sent
        } else {
            tracing::warn!(
                status = reply.status,
                meaning = reply.meaning,
                "{}",
                answer::failure(&reply.status)
            );
            Delivery::Failed(status(&reply.status))
        };
        let case = &outgoing.case;
        if delivery != Delivery::Sent || !self.keeps_delivery(outgoing) {
            let reported = case.engine.report_delivery(
                &*self.store,
                &case.binding,
                DeliveryReport {
                    id: outgoing.id,
                    send: outgoing.send,
                    delivery,
                },
            );
            if let Err(error) = reported {
                // Whatever fails here, the message has left.
                tracing::error!(error = chain(&error), "the report of a delivery was lost");
            }
        }
        if reply.is_ok() {
            let live = self.live(case, outgoing.id, outgoing.expires_at, outgoing.minutes);
            answer::sent(&live, &reply.status)
        } else {
            answer::gateway_failed(&reply.status)
        }
    }

    fn keeps_delivery(&self, outgoing: &Outgoing) -> bool {
        let Outgoing {
            slot,
            id,
            send,
            expires_at,
            ..
        } = *outgoing;
        self.now()
            .is_ok_and(|now| self.deliveries.keep(slot, (id, send), expires_at, now))
    }

    fn live<'a>(
        &self,
        case: &'a Case,
        id: ChallengeId,
        expires_at: Timestamp,
        minutes: u64,
    ) -> Live<'a> {
        Live {
            id,
            expires_at,
            recipient: case.number.as_str(),
            minutes,
            numbers: self.numbers,
        }
    }
}

/// Returns a gateway's status as the engine keeps it.
fn status(text: &str) -> GatewayStatus {
    GatewayStatus::parse(text)
        .or_else(|| GatewayStatus::parse("other"))
        .unwrap_or_else(|| unreachable!("five printable characters"))
}
