//! Where the object itself is reached: `[http:]NAME[:PORT]` in the words of the request.

use std::net::{IpAddr, SocketAddr};

use bythos_store::Key;
use rand::seq::IndexedRandom as _;
use serde_json::Value;

use crate::object;
use crate::policy::objects_in;
use crate::resources::Target;
use crate::status::{Failure, ResourceName};

const ENDPOINT_SLICES: &str = "endpointslices.discovery.k8s.io";
const KUBELET_PORT: &str = "10250";
const HTTP_PORT: u16 = 80;

/// Where a request is passed on to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The kubelet's own API.
    Kubelet,
    Address(SocketAddr),
}

/// What stands in the place of the object's name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    name: &'a str,
    /// Number or name; empty for the usual one.
    port: &'a str,
}

impl<'a> Asked<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Failure> {
        let parts: Vec<_> = text.split(':').collect();
        let (scheme, name, port) = match parts.as_slice() {
            [name] => ("", *name, ""),
            [name, port] => ("", *name, *port),
            [scheme, name, port] => (*scheme, *name, *port),
            _ => return Err(Failure::BadRequest(format!("invalid proxy request {text:?}"))),
        };
        match scheme {
            "" | "http" => Ok(Asked { name, port }),
            "https" => Err(Failure::BadRequest(format!(
                "invalid proxy request {text:?}: only http is passed on, use kubectl port-forward for https"
            ))),
            _ => Err(Failure::BadRequest(format!("invalid proxy request {text:?}: found scheme {scheme:?}"))),
        }
    }

    /// Looks the object up.
    pub(super) fn find(&self, target: &Target<'_>) -> Result<Place, Failure> {
        let object = stored(target, self.name)?;
        match &*target.served.resource {
            "nodes" if self.port.is_empty() || self.port == KUBELET_PORT => Ok(Place::Kubelet),
            "nodes" => Ok(Place::Address(self.of_node(&object)?)),
            "services" => Ok(Place::Address(self.of_service(target, &object)?)),
            _ => Ok(Place::Address(self.of_pod(&object)?)),
        }
    }

    fn of_pod(&self, pod: &Value) -> Result<SocketAddr, Failure> {
        let first_port = || {
            let containers = pod.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten();
            let mut ports = containers.filter_map(|container| container.pointer("/ports/0/containerPort"));
            ports.find_map(|port| u16::try_from(port.as_u64()?).ok())
        };
        let port = if self.port.is_empty() { first_port().unwrap_or(HTTP_PORT) } else { self.number()? };
        let address = object::text_at(pod, "/status/podIP");
        let address =
            address.ok_or_else(|| Failure::Unavailable(format!("pod {:?} has no address yet", self.name)))?;
        Ok(SocketAddr::new(allowed(address)?, port))
    }

    fn of_node(&self, node: &Value) -> Result<SocketAddr, Failure> {
        let addresses = node.pointer("/status/addresses").and_then(Value::as_array).into_iter().flatten();
        let internal = addresses
            .filter(|address| address["type"] == "InternalIP")
            .find_map(|address| address["address"].as_str());
        let internal =
            internal.ok_or_else(|| Failure::Unavailable(format!("node {:?} has no address", self.name)))?;
        Ok(SocketAddr::new(allowed(internal)?, self.number()?))
    }

    fn of_service(&self, target: &Target<'_>, service: &Value) -> Result<SocketAddr, Failure> {
        let port = self.name_of_port(service)?;
        let of_service = |slice: &Value| {
            let label = slice.pointer("/metadata/labels/kubernetes.io~1service-name");
            label.and_then(Value::as_str) == Some(self.name)
        };
        let slices = objects_in(&target.call.state.store, ENDPOINT_SLICES, Some(target.namespace));
        let ready: Vec<_> = slices
            .iter()
            .filter(|slice| of_service(slice))
            .flat_map(|slice| endpoints(slice, &port))
            .collect();
        let chosen = ready.choose(&mut rand::rng());
        let none = || Failure::Unavailable(format!("no endpoints available for service {:?}", target.name));
        let (address, port) = chosen.ok_or_else(none)?;
        Ok(SocketAddr::new(allowed(address)?, *port))
    }

    /// Ports of endpoints are known by the name that the service gives them.
    fn name_of_port(&self, service: &Value) -> Result<String, Failure> {
        let Ok(number) = self.port.parse::<u64>() else { return Ok(self.port.to_owned()) };
        let mut ports = service.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten();
        let found = ports.find(|port| port["port"] == number).ok_or_else(|| {
            Failure::Unavailable(format!("no service port {number} found for service {:?}", self.name))
        })?;
        Ok(found["name"].as_str().unwrap_or_default().to_owned())
    }

    fn number(&self) -> Result<u16, Failure> {
        self.port.parse().map_err(|_| {
            Failure::BadRequest(format!("found port {:?}, expected a number up to 65535", self.port))
        })
    }
}

fn stored(target: &Target<'_>, name: &str) -> Result<Value, Failure> {
    let key: Key = target.served.key(target.namespace, name);
    let missing = || Failure::NotFound { resource: target.served.name(), name: name.to_owned() };
    let entry = target.call.state.store.get(&key).ok_or_else(missing)?;
    Ok(serde_json::from_slice(&entry.value)?)
}

/// Address and port of each endpoint that is ready, for the port of this name.
fn endpoints<'a>(slice: &'a Value, port: &str) -> Vec<(&'a str, u16)> {
    let list = |field: &str| slice.get(field).and_then(Value::as_array).into_iter().flatten();
    let is_named = |candidate: &&Value| candidate["name"].as_str().unwrap_or_default() == port;
    let number = list("ports").find(is_named).and_then(|port| u16::try_from(port["port"].as_u64()?).ok());
    let Some(number) = number else { return Vec::new() };
    let is_ready = |endpoint: &&Value| endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false));
    let ready = list("endpoints").filter(is_ready);
    ready.filter_map(|endpoint| Some((endpoint["addresses"].get(0)?.as_str()?, number))).collect()
}

/// Who may write an object's address must not be led to what the machine serves to itself alone.
fn allowed(address: &str) -> Result<IpAddr, Failure> {
    let refused = || {
        let resource = ResourceName::new("", "addresses");
        let message = format!("address {address:?} is not allowed");
        Failure::Forbidden { resource: Some(resource), name: address.to_owned(), message }
    };
    let parsed: IpAddr = address.parse().map_err(|_| refused())?;
    let is_local = match parsed {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.to_ipv4_mapped().is_some(),
    };
    let is_refused = parsed.is_loopback() || parsed.is_unspecified() || parsed.is_multicast() || is_local;
    if is_refused { Err(refused()) } else { Ok(parsed) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, &str)>) {
        let found = Asked::parse(text).ok().map(|asked| (asked.name, asked.port));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_name_may_come_with_scheme_and_port() {
        check("web", Some(("web", "")));
        check("web:http", Some(("web", "http")));
        check("http:web:80", Some(("web", "80")));
        check("http:web:", Some(("web", "")));
        check("https:web:443", None);
        check("ftp:web:21", None);
        check("a:b:c:d", None);
    }

    #[test]
    fn only_endpoints_that_are_ready_are_asked() {
        let slice = json!({
            "ports": [{"name": "http", "port": 8080}, {"port": 9}],
            "endpoints": [
                {"addresses": ["10.42.0.2"], "conditions": {"ready": true}},
                {"addresses": ["10.42.0.3"], "conditions": {"ready": false}},
                {"addresses": ["10.42.0.4"]},
            ],
        });
        assert_eq!(endpoints(&slice, "http"), [("10.42.0.2", 8080), ("10.42.0.4", 8080)]);
        assert_eq!(endpoints(&slice, ""), [("10.42.0.2", 9), ("10.42.0.4", 9)]);
        assert_eq!(endpoints(&slice, "other"), []);
    }

    #[test]
    fn the_port_of_a_pod_is_its_first_one() {
        let pod = json!({
            "spec": {"containers": [{"name": "a"}, {"name": "b", "ports": [{"containerPort": 8080}]}]},
            "status": {"podIP": "10.42.0.9"},
        });
        let address = |port| Asked { name: "p", port }.of_pod(&pod).ok().map(|address| address.to_string());
        assert_eq!(address(""), Some("10.42.0.9:8080".to_owned()));
        assert_eq!(address("90"), Some("10.42.0.9:90".to_owned()));
        assert_eq!(address("x"), None);
    }

    #[test]
    fn what_the_machine_serves_to_itself_is_not_reached() {
        for address in ["127.0.0.1", "0.0.0.0", "169.254.169.254", "::1", "fe80::1", "::ffff:127.0.0.1", "x"]
        {
            assert!(allowed(address).is_err(), "{address}");
        }
        assert!(allowed("10.42.0.2").is_ok());
    }
}
