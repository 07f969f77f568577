//! Users by the headers of a proxy that logs them in, where a request comes from its address.

use core::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use super::settings::Proxy as Written;
use super::{TenantFrom, tenant, user};
use crate::directory::{Caller, NoUser, User};

/// The most networks.
const MAX_NETWORKS: usize = 64;

/// Tells users by headers.
pub(super) struct Proxy {
    networks: Vec<IpNet>,
    user: HeaderName,
    tenant: Tenant,
    name: Option<HeaderName>,
    mobile: Option<HeaderName>,
}

enum Tenant {
    All(String),
    Header(HeaderName),
}

impl Proxy {
    pub(super) fn new(settings: &Written) -> Result<Self, String> {
        let networks: Result<Vec<_>, _> = settings.addresses.iter().map(|it| network(it)).collect();
        let networks = networks?;
        if !(1..=MAX_NETWORKS).contains(&networks.len()) {
            return Err(format!(
                "has {} proxy.addresses; they must be 1 to {MAX_NETWORKS}",
                networks.len()
            ));
        }
        let tenant = tenant(
            "proxy",
            "header",
            settings.tenant.as_deref(),
            settings.tenant_header.as_deref(),
        )?;
        let optional = |key: &str, name: &Option<String>| {
            let name = name.as_ref();
            name.map(|name| header(key, name)).transpose()
        };
        Ok(Self {
            networks,
            user: header("proxy.user_header", &settings.user_header)?,
            tenant: match tenant {
                TenantFrom::All(tenant) => Tenant::All(tenant),
                TenantFrom::Named(name) => Tenant::Header(header("proxy.tenant_header", &name)?),
            },
            name: optional("proxy.name_header", &settings.name_header)?,
            mobile: optional("proxy.mobile_header", &settings.mobile_header)?,
        })
    }

    /// Returns the header that names the user.
    pub(super) fn header(&self) -> &str {
        self.user.as_str()
    }

    /// Returns whom the proxy names; what anybody else names is nobody.
    pub(super) fn user(&self, caller: &Caller<'_>) -> Result<User, NoUser> {
        let from = caller.address.map(|address| address.to_canonical());
        let is_proxy = from.is_some_and(|from| self.networks.iter().any(|net| net.contains(&from)));
        if !is_proxy {
            return Err(NoUser::LoggedOut(
                "The request does not come from a proxy that logs users in",
            ));
        }
        let said = |name: &HeaderName| once(caller.headers, name);
        let tenant = match &self.tenant {
            Tenant::All(tenant) => Some(&**tenant),
            Tenant::Header(name) => said(name),
        };
        let name = self.name.as_ref().and_then(said);
        let mobile = self.mobile.as_ref().and_then(said);
        let user = user(said(&self.user), tenant, name, mobile);
        user.ok_or(NoUser::LoggedOut(
            "The proxy does not name a user and a tenant",
        ))
    }
}

/// Returns the text of a header that stands there once: of two, one could be the client's.
fn once<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    core::str::from_utf8(value.as_bytes()).ok()
}

fn header(key: &str, name: &str) -> Result<HeaderName, String> {
    let header = HeaderName::try_from(name);
    header.map_err(|_| format!("has {key} = {name:?}; it must be the name of a header"))
}

/// Reads a network, or an address alone.
fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    let read = text.parse::<IpNet>().or_else(|_| address());
    read.map_err(|_| {
        format!("has {text:?} in proxy.addresses; each must be an address, or a network such as 10.0.0.0/8")
    })
}
