//! What accounts promise, over a database in memory.

use super::*;

fn accounts() -> Accounts {
    Accounts::new(Store::open("sqlite::memory:").expect("a store")).with_quick_hashes()
}

fn with_ada() -> Accounts {
    let accounts = accounts();
    accounts.create(NewUser::new("Ada", "long enough").group(ADMINISTRATORS)).expect("a user");
    accounts
}

#[test]
fn names_and_passwords_are_checked() {
    let accounts = with_ada();
    let cases = [
        ("", "long enough", "name: use letters, digits and . _ - @ +, 100 at most"),
        ("a b", "long enough", "name: use letters, digits and . _ - @ +, 100 at most"),
        ("ADA", "long enough", "name: there is a user of this name already"),
        ("bob", "short", "password: use 8 characters at least"),
        ("bob", &"x".repeat(1001), "password: use 1000 bytes at most"),
    ];
    for (name, password, message) in cases {
        let error = accounts.create(NewUser::new(name, password)).expect_err(message);
        assert_eq!(error.to_string(), message);
    }
    assert_eq!(accounts.all().expect("users").len(), 1);
}

/// The time of an answer must not tell whether there is such a user: the same work is done where there is none.
#[test]
fn a_login_of_nobody_costs_the_work_of_one_of_somebody() {
    let accounts = with_ada();
    let cost = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
    let ada = accounts.record("ada").expect("read").expect("a record").hash;
    let nobody = accounts.nobody().expect("a hash");
    assert_eq!(cost(&nobody), cost(&ada));
    assert_eq!(nobody.len(), ada.len());
    assert_eq!(accounts.nobody().expect("a hash"), nobody, "it is made once");
}

#[test]
fn who_knows_the_password_is_let_in() {
    let accounts = with_ada();
    let login = |name: &str, password: &str| accounts.login(name, password, None, "address").map(|user| user.name);
    assert_eq!(login("ada", "long enough").expect("let in"), "Ada");
    for (name, password) in [("ada", "long enougH"), ("ada", ""), ("bob", "long enough"), ("", "")] {
        assert!(matches!(login(name, password), Err(Denied::Wrong)), "{name}");
    }
    accounts.create(NewUser::new("bob", "long enough").group(ADMINISTRATORS)).expect("a user");
    accounts.set_active("ada", false).expect("closed");
    assert!(matches!(login("ada", "long enough"), Err(Denied::Wrong)));
}

#[test]
fn guesses_are_limited_by_name() {
    let accounts = with_ada();
    for _ in 0..10 {
        assert!(matches!(accounts.login("ada", "wrong guess", None, "here"), Err(Denied::Wrong)));
    }
    let denied = accounts.login("ada", "long enough", None, "there").expect_err("too many");
    assert!(matches!(denied, Denied::TooMany(_)), "{denied}");
    assert!(accounts.login("bob", "x", None, "here").is_err_and(|denied| matches!(denied, Denied::Wrong)));
}

#[test]
fn a_code_is_asked_for_and_used_once() {
    let accounts = with_ada();
    let (key, address) = accounts.new_totp("site", "Ada").expect("a key");
    assert!(address.contains(&key));
    assert!(accounts.enable_totp("ada", &key, "000000x").is_err());
    let code = || Accounts::totp_code(&key).expect("a code");
    let first = code();
    accounts.enable_totp("ada", &key, &first).expect("enabled");
    let login = |code: Option<&str>| accounts.login("ada", "long enough", code, "here");
    assert!(matches!(login(None), Err(Denied::NeedsCode)));
    assert!(matches!(login(Some(&first)), Err(Denied::WrongCode)), "it was used to set the app up");
    let later = totp::code_at(&key, now() + 30).expect("a code");
    assert!(login(Some(&later)).is_ok());
    assert!(matches!(login(Some(&later)), Err(Denied::WrongCode)), "once");
    accounts.disable_totp("ada").expect("disabled");
    assert!(login(None).is_ok());
}

#[test]
fn a_reset_token_is_good_once() {
    let accounts = with_ada();
    let token = accounts.reset_token("ada").expect("a token");
    let other = accounts.reset_token("ada").expect("a token");
    assert!(accounts.reset_password(&token, "short").is_err(), "and it is not used up by that");
    assert_eq!(accounts.reset_password(&token, "another password").expect("reset"), "Ada");
    for token in [token.as_str(), &other, "", "made up"] {
        assert!(accounts.reset_password(token, "a third password").is_err());
    }
    assert!(accounts.login("ada", "another password", None, "here").is_ok());
}

#[test]
fn tokens_do_what_their_scopes_say() {
    let accounts = with_ada();
    let token = accounts.create_token("ada", "report", &[Scope::Read], None).expect("a token");
    let user = accounts.by_token(&token).expect("read").expect("a user");
    assert!(user.has_scope(Scope::Read) && !user.has_scope(Scope::Write) && !user.is_administrator());
    let over = accounts.create_token("ada", "old", &[Scope::Read], Some(Duration::ZERO)).expect("a token");
    for token in [over.as_str(), "", "tpn_", "tpn_x", &token[1..]] {
        assert_eq!(accounts.by_token(token).expect("read"), None, "{token}");
    }
    let listed = accounts.tokens("Ada").expect("tokens");
    assert_eq!(listed.len(), 2);
    let report = listed.iter().find(|token| token.label == "report").expect("the token");
    assert!(!accounts.revoke("bob", &report.id).expect("not his"));
    assert!(accounts.revoke("Ada", &report.id).expect("revoked"));
    assert_eq!(accounts.by_token(&token).expect("read"), None);
}

#[test]
fn permissions_come_by_groups_and_an_administrator_stays() {
    let accounts = with_ada();
    accounts.create(NewUser::new("bob", "long enough").group("staff")).expect("a user");
    accounts.set_permissions("staff", &["tables.write"]).expect("set");
    let bob = accounts.get("bob").expect("read").expect("bob");
    assert!(bob.may("tables.write") && !bob.may("users") && !bob.is_administrator());
    assert!(accounts.get("ada").expect("read").expect("ada").may("users"));
    for refused in [accounts.set_active("ada", false), accounts.set_groups("ada", []), accounts.remove("ada")] {
        assert_eq!(
            refused.expect_err("the last").to_string(),
            "name: this is the only administrator; make another first"
        );
    }
    accounts.set_groups("bob", [ADMINISTRATORS.to_owned()]).expect("set");
    accounts.remove("ada").expect("removed");
    assert_eq!(accounts.get("ada").expect("read"), None);
}
