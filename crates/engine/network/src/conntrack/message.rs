//! Messages of `ctnetlink`, written and read. Pure. Numbers are those of `linux/netfilter/nfnetlink_conntrack.h`;
//! headers are in the byte order of the machine, addresses and ports in that of the network.

use std::net::Ipv4Addr;

use super::Outdated;

const HEADER_BYTES: usize = 16;
/// Family, version and resource, after the header.
const FAMILY_BYTES: usize = 4;
const SUBSYSTEM: u16 = 1 << 8;
const NEW: u16 = SUBSYSTEM;
const GET: u16 = SUBSYSTEM | 1;
const DELETE: u16 = SUBSYSTEM | 2;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST: u16 = 0x1;
const ACKNOWLEDGE: u16 = 0x4;
const DUMP: u16 = 0x300;
const IPV4: u8 = 2;
const NESTED: u16 = 0x8000;

const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const TUPLE_ADDRESSES: u16 = 1;
const TUPLE_PROTOCOL: u16 = 2;
const SOURCE_ADDRESS: u16 = 1;
const DESTINATION_ADDRESS: u16 = 2;
const PROTOCOL_NUMBER: u16 = 1;
const SOURCE_PORT: u16 = 2;
const DESTINATION_PORT: u16 = 3;
const UDP: u8 = 17;

/// One conversation by UDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flow {
    /// The attribute that names it, as the kernel wrote it.
    original: Vec<u8>,
    /// To whom the client speaks.
    asked: (Ipv4Addr, u16),
    /// Who answers.
    answering: (Ipv4Addr, u16),
}

impl Flow {
    /// Whether the client is led to an endpoint that is gone, or not led to one that has come.
    pub(super) fn is_one_of(&self, outdated: &Outdated) -> bool {
        if self.asked == self.answering {
            outdated.host_ports.contains(&self.asked.1)
        } else {
            outdated.endpoints.contains(&self.answering)
        }
    }
}

/// One message of the kernel.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// A conversation, if it is one by UDP.
    Flow(Option<Flow>),
    /// There are no more.
    End,
    /// The number of an error; zero says that all went well.
    Error(i32),
}

/// Asks for all conversations.
pub(super) fn list() -> Vec<u8> {
    message(GET, REQUEST | DUMP, &[])
}

/// Asks to forget one.
pub(super) fn delete(flow: &Flow) -> Vec<u8> {
    message(DELETE, REQUEST | ACKNOWLEDGE, &attribute(TUPLE_ORIGINAL | NESTED, &flow.original))
}

fn message(kind: u16, flags: u16, attributes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER_BYTES + FAMILY_BYTES + attributes.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::new();
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    // Neither sequence nor sender: the socket has one question at a time.
    bytes.extend([0; 8]);
    bytes.extend([IPV4, 0, 0, 0]);
    bytes.extend(attributes);
    bytes
}

fn attribute(kind: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 4).unwrap_or(u16::MAX);
    let mut bytes = Vec::from(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The messages of one answer; `None` if they make no sense.
pub(super) fn read(mut bytes: &[u8]) -> Option<Vec<Reply>> {
    let mut replies = Vec::new();
    while !bytes.is_empty() {
        let length = usize::try_from(u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?)).ok()?;
        let kind = number(bytes.get(4..6)?)?;
        let body = bytes.get(HEADER_BYTES..length)?;
        replies.push(match kind {
            DONE => Reply::End,
            ERROR => Reply::Error(i32::from_ne_bytes(body.get(..4)?.try_into().ok()?).checked_neg()?),
            NEW => Reply::Flow(flow(body.get(FAMILY_BYTES..)?)),
            _ => Reply::Flow(None),
        });
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(replies)
}

fn flow(attributes: &[u8]) -> Option<Flow> {
    let original = find(attributes, TUPLE_ORIGINAL)?;
    let (_, asked) = tuple(original)?;
    let (answering, _) = tuple(find(attributes, TUPLE_REPLY)?)?;
    Some(Flow { original: original.to_vec(), asked, answering })
}

type End = (Ipv4Addr, u16);

/// Source and destination, if they speak UDP.
fn tuple(bytes: &[u8]) -> Option<(End, End)> {
    let (addresses, protocol) = (find(bytes, TUPLE_ADDRESSES)?, find(bytes, TUPLE_PROTOCOL)?);
    let address = |kind| Some(Ipv4Addr::from(<[u8; 4]>::try_from(find(addresses, kind)?).ok()?));
    let port = |kind| Some(u16::from_be_bytes(find(protocol, kind)?.try_into().ok()?));
    let is_udp = find(protocol, PROTOCOL_NUMBER)? == [UDP];
    let source = (address(SOURCE_ADDRESS)?, port(SOURCE_PORT)?);
    let destination = (address(DESTINATION_ADDRESS)?, port(DESTINATION_PORT)?);
    is_udp.then_some((source, destination))
}

/// The content of the first attribute of this kind.
fn find(mut bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(number(bytes.get(..2)?)?);
        let content = bytes.get(4..length)?;
        if number(bytes.get(2..4)?)? & !NESTED == wanted {
            return Some(content);
        }
        bytes = bytes.get(length.next_multiple_of(4)..)?;
    }
}

fn number(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(protocol: u8, source: End, destination: End) -> Vec<u8> {
        let addresses = [
            attribute(SOURCE_ADDRESS, &source.0.octets()),
            attribute(DESTINATION_ADDRESS, &destination.0.octets()),
        ];
        let ports = [
            attribute(PROTOCOL_NUMBER, &[protocol]),
            attribute(SOURCE_PORT, &source.1.to_be_bytes()),
            attribute(DESTINATION_PORT, &destination.1.to_be_bytes()),
        ];
        let addresses = attribute(TUPLE_ADDRESSES | NESTED, &addresses.concat());
        [addresses, attribute(TUPLE_PROTOCOL | NESTED, &ports.concat())].concat()
    }

    fn conversation(protocol: u8) -> Vec<u8> {
        let (client, service) = ((Ipv4Addr::new(10, 42, 0, 9), 4711), (Ipv4Addr::new(10, 43, 0, 10), 53));
        let endpoint = (Ipv4Addr::new(10, 42, 0, 2), 5353);
        let original = attribute(TUPLE_ORIGINAL | NESTED, &end(protocol, client, service));
        let reply = attribute(TUPLE_REPLY | NESTED, &end(protocol, endpoint, client));
        message(NEW, 0, &[original, reply].concat())
    }

    #[test]
    fn a_conversation_is_read_and_named_again() {
        let replies = read(&[conversation(UDP), message(DONE, 0, &[])].concat()).unwrap();
        let [Reply::Flow(Some(flow)), Reply::End] = replies.as_slice() else { panic!("{replies:?}") };
        let gone = |port: u16| Outdated {
            endpoints: [(Ipv4Addr::new(10, 42, 0, 2), port)].into(),
            host_ports: [53].into(),
        };
        assert!(flow.is_one_of(&gone(5353)));
        assert!(!flow.is_one_of(&gone(53)), "it is led somewhere");
        let direct = Flow { answering: flow.asked, ..flow.clone() };
        assert!(direct.is_one_of(&gone(5353)), "it is led nowhere, and should be now");
        assert!(!direct.is_one_of(&Outdated::default()));
        let bytes = delete(flow);
        assert_eq!(bytes.len(), usize::try_from(u32::from_ne_bytes(bytes[..4].try_into().unwrap())).unwrap());
        let named = find(&bytes[HEADER_BYTES + FAMILY_BYTES..], TUPLE_ORIGINAL);
        assert_eq!(named, Some(flow.original.as_slice()));
    }

    #[test]
    fn what_is_not_udp_or_makes_no_sense_is_left_alone() {
        assert_eq!(read(&conversation(6)), Some(vec![Reply::Flow(None)]));
        assert_eq!(read(&[1, 2, 3]), None);
        let mut cut = conversation(UDP);
        cut.truncate(60);
        assert_eq!(read(&cut), None);
        let mut endless = conversation(UDP);
        endless[..4].copy_from_slice(&0_u32.to_ne_bytes());
        assert_eq!(read(&endless), None);
        let error = message(ERROR, 0, &[]);
        assert_eq!(read(&error), Some(vec![Reply::Error(-i32::from(IPV4))]));
    }
}
