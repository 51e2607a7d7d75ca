//! From a question to a whole answer: the cluster's own table first, then the host's resolvers, aliases followed.

use std::sync::{Arc, PoisonError, RwLock};

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{DNSClass, LowerName, Record, RecordType};

use crate::dns::forward::Forwarder;
use crate::dns::zone::{Known, Zone};

/// How many aliases in a row are followed.
const ALIASES_MAX: usize = 8;

/// The sections of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) code: ResponseCode,
    pub(crate) authoritative: bool,
    pub(crate) answers: Vec<Record>,
    pub(crate) authorities: Vec<Record>,
    pub(crate) additionals: Vec<Record>,
}

impl Reply {
    fn own(code: ResponseCode, answers: Vec<Record>) -> Self {
        Reply { code, authoritative: true, answers, authorities: Vec::new(), additionals: Vec::new() }
    }

    /// Nothing but a code.
    pub(crate) fn empty(code: ResponseCode) -> Self {
        Reply { authoritative: false, ..Reply::own(code, Vec::new()) }
    }
}

/// Answers questions. Clones share the table.
#[derive(Clone)]
pub(crate) struct Responder {
    zone: Arc<RwLock<Zone>>,
    forwarder: Arc<Forwarder>,
}

impl Responder {
    pub(crate) fn new(zone: Zone, forwarder: Forwarder) -> Self {
        Responder { zone: Arc::new(RwLock::new(zone)), forwarder: Arc::new(forwarder) }
    }

    /// Changes what the cluster knows.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Zone)) {
        // A panic in the middle of a change may leave a name too many; the next change of it is right again.
        change(&mut self.zone.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn look_up(&self, name: &LowerName, record_type: RecordType) -> Known {
        self.zone.read().unwrap_or_else(PoisonError::into_inner).look_up(name, record_type)
    }

    pub(crate) async fn answer(&self, name: &LowerName, class: DNSClass, record_type: RecordType) -> Reply {
        let whole_zone = matches!(record_type, RecordType::AXFR | RecordType::IXFR);
        if class != DNSClass::IN || whole_zone {
            return Reply::empty(ResponseCode::Refused);
        }
        let mut name = name.clone();
        let mut aliases = Vec::new();
        while aliases.len() < ALIASES_MAX {
            match self.look_up(&name, record_type) {
                Known::Records { answers, additionals } => {
                    aliases.extend(answers);
                    return Reply { additionals, ..Reply::own(ResponseCode::NoError, aliases) };
                }
                Known::Alias { record, target } => {
                    aliases.push(record);
                    name = target;
                }
                Known::OtherTypes { authority } => {
                    return Reply {
                        authorities: vec![authority],
                        ..Reply::own(ResponseCode::NoError, aliases)
                    };
                }
                Known::NoSuchName { authority } => {
                    return Reply {
                        authorities: vec![authority],
                        ..Reply::own(ResponseCode::NXDomain, aliases)
                    };
                }
                Known::Elsewhere => return self.forward(&name, record_type, aliases).await,
            }
        }
        Reply::empty(ResponseCode::ServFail)
    }

    async fn forward(&self, name: &LowerName, record_type: RecordType, mut aliases: Vec<Record>) -> Reply {
        let forwarded = self.forwarder.look_up(name, record_type).await;
        aliases.extend(forwarded.answers);
        Reply {
            code: forwarded.code,
            authoritative: false,
            answers: aliases,
            authorities: forwarded.authorities,
            additionals: Vec::new(),
        }
    }
}
