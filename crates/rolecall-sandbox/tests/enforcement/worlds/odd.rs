//! World files that nobody writes on purpose: an answer, never a panic.

use rolecall_sandbox::World;

use super::refused::world;

#[test]
fn a_world_without_accounts_is_none() {
    for text in ["", "# nothing\n", "profile = []\n"] {
        let errors = World::from_toml(text, "w.toml").unwrap_err();
        assert_eq!(
            errors.to_string().split(" (").next(),
            Some("w.toml:1: the world has no account")
        );
    }
}

#[test]
fn twenty_problems_are_told_and_the_rest_are_counted() {
    let users: String = (0..30)
        .map(|n| format!("[[account.user]]\nname = 'bad {n}'\n"))
        .collect();
    let errors = World::from_toml(&world(&users), "w.toml").unwrap_err();
    assert_eq!((errors.errors().len(), errors.left_out()), (20, 10));
    assert!(errors.to_string().ends_with("and 10 more"), "{errors}");
}

/// Whatever the text is: an answer, never a panic.
#[test]
fn hostile_texts_do_no_harm() {
    for text in [
        "\u{feff}[[account]]\nid = '111111111111'\n".to_owned(),
        "\0".to_owned(),
        "[".repeat(10_000),
        format!("a = {}1{}", "[".repeat(5_000), "]".repeat(5_000)),
        format!("[{}]", vec!["a"; 5_000].join(".")),
        format!(
            "[organization]\nmanagement = '1'\n[[organization.unit]]\nname = '{}'",
            "a/".repeat(50_000)
        ),
        "[[account]]\nid = '111111111111'\n[[account.role]]\nname = 'R'\ntrust = ''".to_owned(),
        "[[account]]\nid = '111111111111'\n[[account.role]]\nname = 'R'\ntrust = '''é{\"Statement\": {}}'''"
            .to_owned(),
        format!(
            "[[account]]\nid = '111111111111'\n[[account.role]]\nname = 'R'\ntrust = '{}'",
            "[".repeat(100_000)
        ),
        "[[account]]\r\nid = '111111111111'\r\nnmae = 'x'\r\n".to_owned(),
    ] {
        let _ = World::from_toml(&text, "w.toml").map_err(|errors| errors.to_string());
    }
}

/// A real world with each of its lines missing, doubled, or cut off behind it: read, or refused with lines.
#[test]
fn every_line_may_be_missing() {
    let text = World::ready_toml("article").unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut refused = 0;
    for at in 0..lines.len() {
        let (before, after) = lines.split_at(at);
        let missing = [before, &after[1..]].concat();
        let doubled = [before, &after[..1], after].concat();
        let cut = format!("{}\n{}", before.join("\n"), &after[0][..after[0].len() / 2]);
        for text in [missing.join("\n"), doubled.join("\n"), cut] {
            if let Err(errors) = World::from_toml(&text, "w.toml") {
                refused += 1;
                for error in errors.errors() {
                    let line = error.line().unwrap_or(0) as usize;
                    assert!((1..=lines.len() + 1).contains(&line), "{error}\n{text}");
                }
            }
        }
    }
    assert!(refused > lines.len(), "{refused}");
}
