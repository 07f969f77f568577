//! The hosts of a configuration, tried one by one: each has the whole time, and one that fell
//! silent is left for the next.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use tokio_postgres::{
    Config,
    config::{Host, LoadBalanceHosts},
};

/// The hosts that connections lead to, of which one is in use.
#[derive(Debug)]
pub(crate) struct Hosts {
    each: Vec<Config>,
    current: AtomicUsize,
}

/// The host of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    hosts: Arc<Hosts>,
    at: usize,
}

impl Hosts {
    /// Takes a configuration apart; one that asks for a host by chance stays as it is.
    pub(crate) fn new(config: &Config) -> Arc<Self> {
        let count = config.get_hosts().len().max(config.get_hostaddrs().len());
        let is_by_chance = config.get_load_balance_hosts() == LoadBalanceHosts::Random;
        let each = if count < 2 || is_by_chance {
            vec![config.clone()]
        } else {
            (0..count).map(|at| only(config, at)).collect()
        };
        Arc::new(Self {
            each,
            current: AtomicUsize::new(0),
        })
    }

    /// Returns each host once, the one in use first.
    pub(crate) fn in_turn(self: &Arc<Self>) -> impl Iterator<Item = Place> + use<> {
        let (hosts, first) = (Arc::clone(self), self.current.load(Ordering::SeqCst));
        (0..self.each.len()).map(move |after| Place {
            at: (first + after) % hosts.each.len(),
            hosts: Arc::clone(&hosts),
        })
    }
}

impl Place {
    pub(crate) fn config(&self) -> &Config {
        &self.hosts.each[self.at]
    }

    /// Makes this the host in use.
    pub(crate) fn take(&self) {
        self.hosts.current.store(self.at, Ordering::SeqCst);
    }

    /// Makes the next host the one in use, unless that was done.
    pub(crate) fn leave(&self) {
        let next = (self.at + 1) % self.hosts.each.len();
        let current = &self.hosts.current;
        let left = current.compare_exchange(self.at, next, Ordering::SeqCst, Ordering::SeqCst);
        left.ok();
    }

    /// Says whether another host is in use.
    pub(crate) fn is_left(&self) -> bool {
        self.hosts.current.load(Ordering::SeqCst) != self.at
    }
}

/// Returns a configuration with one of its hosts, and all else.
fn only(config: &Config, at: usize) -> Config {
    let mut one = Config::new();
    match config.get_hosts().get(at) {
        Some(Host::Tcp(name)) => drop(one.host(name)),
        #[cfg(unix)]
        Some(Host::Unix(path)) => drop(one.host_path(path)),
        None => {}
    }
    if let Some(address) = config.get_hostaddrs().get(at) {
        one.hostaddr(*address);
    }
    let ports = config.get_ports();
    if let Some(port) = ports.get(at).or_else(|| ports.first()) {
        one.port(*port);
    }
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(dbname) = config.get_dbname() {
        one.dbname(dbname);
    }
    if let Some(options) = config.get_options() {
        one.options(options);
    }
    if let Some(name) = config.get_application_name() {
        one.application_name(name);
    }
    if let Some(timeout) = config.get_connect_timeout() {
        one.connect_timeout(*timeout);
    }
    if let Some(timeout) = config.get_tcp_user_timeout() {
        one.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one.keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .channel_binding(config.get_channel_binding())
        .target_session_attrs(config.get_target_session_attrs());
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: &str = "host=a,/b,c hostaddr=127.0.0.1,127.0.0.2,127.0.0.3 port=1,2,3 user=u \
                        password=p dbname=d options='-c x=y' application_name=n \
                        connect_timeout=7 tcp_user_timeout=8 keepalives=0 keepalives_idle=9 \
                        keepalives_interval=10 keepalives_retries=11 sslmode=require \
                        sslnegotiation=direct channel_binding=disable \
                        target_session_attrs=read-write";

    /// What a configuration says is what it shows; nothing of it may be lost on the way.
    #[test]
    fn one_host_has_all_that_the_configuration_says() {
        let config: Config = MANY.parse().unwrap();
        let second = MANY.replace("a,/b,c", "/b").replace("1,2,3", "2");
        let second = second.replace("127.0.0.1,127.0.0.2,127.0.0.3", "127.0.0.2");
        let second: Config = second.parse().unwrap();
        let (found, wanted) = (only(&config, 1), second);
        assert_eq!(found, wanted);
        assert_ne!(found, only(&config, 0));
        // Each thing that it says makes a difference here.
        for word in MANY.split(' ').skip(3).filter(|word| word.contains('=')) {
            let name = word.split_once('=').unwrap().0;
            if ["options='-c", "x=y'"].contains(&word) || name == "x" {
                continue;
            }
            let less: String = MANY.replace(word, "");
            let less: Config = less.parse().unwrap();
            assert_ne!(only(&less, 1), wanted, "{name}");
        }
    }

    #[test]
    fn a_host_that_is_left_is_the_last_one_to_be_tried() {
        let config: Config = "host=a,b,c user=u".parse().unwrap();
        let hosts = Hosts::new(&config);
        let order = || -> Vec<usize> { hosts.in_turn().map(|place| place.at).collect() };
        assert_eq!(order(), [0, 1, 2]);
        let first = hosts.in_turn().next().unwrap();
        let same = first.clone();
        first.leave();
        same.leave(); // it was left already
        assert!(first.is_left());
        assert_eq!(order(), [1, 2, 0]);
        same.take();
        assert_eq!(order(), [0, 1, 2]);
        let alone = Hosts::new(&"host=a user=u".parse().unwrap());
        let place = alone.in_turn().next().unwrap();
        place.leave();
        assert!(!place.is_left());
    }

    #[test]
    fn hosts_by_chance_stay_together() {
        let config = "host=a,b user=u load_balance_hosts=random".parse();
        assert_eq!(Hosts::new(&config.unwrap()).in_turn().count(), 1);
    }
}
