//! The beginning of a session: who connects to what, and how a password is shown without being told.

use std::io;

use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};

use super::{Connection, put_text};
use crate::postgres::address::{Host, Tls};
use crate::postgres::failure::Failure;
use crate::sql::quoted;

/// Version 3.0.
const PROTOCOL: u32 = 196_608;

impl Connection {
    pub(super) fn log_in(&mut self) -> Result<(), Failure> {
        let address = std::sync::Arc::clone(&self.address);
        self.channel.put_untagged(|out| {
            out.extend_from_slice(&PROTOCOL.to_be_bytes());
            // Numbers so that they read back the same; rows in the order they lie; dates as ISO 8601 writes them.
            let options = [
                ("user", &*address.user),
                ("database", &*address.database),
                ("application_name", "taipan"),
                ("client_encoding", "UTF8"),
                ("DateStyle", "ISO, YMD"),
                ("TimeZone", "UTC"),
                ("extra_float_digits", "1"),
                ("bytea_output", "hex"),
                ("synchronize_seqscans", "off"),
            ];
            for (name, value) in options {
                put_text(out, name);
                put_text(out, value);
            }
            if let Some(schema) = &address.schema {
                put_text(out, "search_path");
                put_text(out, &quoted(schema));
            }
            out.push(0);
        });
        self.channel.flush()?;
        let mut scram = None;
        loop {
            let message = self.channel.receive()?;
            match (message.tag, message.body) {
                (b'R', body) => {
                    let (kind, rest) = body.split_first_chunk::<4>().ok_or_else(Failure::garbled)?;
                    let password = || address.password.as_deref().ok_or(Failure::NoPassword);
                    match u32::from_be_bytes(*kind) {
                        0 => {}
                        3 if address.tls == Tls::Disable || address.tls == Tls::Prefer => {
                            // Whoever listens on the way would have it.
                            let is_near = matches!(&address.host, Host::Folder(_))
                                || matches!(&address.host, Host::Name(name) if name == "localhost" || name.starts_with("127."));
                            if !is_near {
                                return Err(Failure::Unsafe);
                            }
                            let password = password()?.as_bytes().to_vec();
                            self.answer_password(&password)?;
                        }
                        3 => {
                            let password = password()?.as_bytes().to_vec();
                            self.answer_password(&password)?;
                        }
                        5 => {
                            let salt: [u8; 4] = rest.try_into().map_err(|_| Failure::garbled())?;
                            let hash = md5_hash(address.user.as_bytes(), password()?.as_bytes(), salt);
                            self.answer_password(hash.as_bytes())?;
                        }
                        10 => {
                            if !rest.split(|byte| *byte == 0).any(|name| name == SCRAM_SHA_256.as_bytes()) {
                                return Err(Failure::garbled());
                            }
                            let started = ScramSha256::new(password()?.as_bytes(), ChannelBinding::unsupported());
                            let first = started.message().to_vec();
                            scram = Some(started);
                            self.channel.put(b'p', |out| {
                                put_text(out, SCRAM_SHA_256);
                                out.extend_from_slice(&(first.len() as u32).to_be_bytes());
                                out.extend_from_slice(&first);
                            });
                            self.channel.flush()?;
                        }
                        11 => {
                            let scram = scram.as_mut().ok_or_else(Failure::garbled)?;
                            scram.update(rest)?;
                            let next = scram.message().to_vec();
                            self.channel.put(b'p', |out| out.extend_from_slice(&next));
                            self.channel.flush()?;
                        }
                        12 => scram.as_mut().ok_or_else(Failure::garbled)?.finish(rest)?,
                        other => return Err(Failure::Login(other)),
                    }
                }
                (b'K', body) if body.len() == 8 => {
                    self.process.copy_from_slice(&body[..4]);
                    self.secret.copy_from_slice(&body[4..]);
                }
                (b'S', body) => {
                    let mut parts = body.split(|byte| *byte == 0);
                    if parts.next() == Some(b"server_version") {
                        let version = parts.next().unwrap_or_default();
                        let digits = version.iter().take_while(|byte| byte.is_ascii_digit());
                        self.version = digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
                    }
                }
                (b'E', body) => return Err(Failure::refused(body)),
                (b'Z', _) => return if self.version >= 13 { Ok(()) } else { Err(Failure::Old(self.version)) },
                _ => {}
            }
        }
    }

    fn answer_password(&mut self, password: &[u8]) -> io::Result<()> {
        self.channel.put(b'p', |out| {
            out.extend_from_slice(password);
            out.push(0);
        });
        self.channel.flush()
    }
}
