//! Recipes do what they say. Nothing here takes the time.

use super::*;

fn recipe(text: &str) -> Bomb {
    text.parse().expect("it is a recipe")
}

#[test]
fn recipes_are_read_as_they_are_written() {
    for text in AT_LIMIT.iter().map(|known| known.recipe).chain(WORST.iter().map(|row| row.1)) {
        let bomb = recipe(text);
        assert_eq!(recipe(&bomb.to_string()), bomb, "{text}");
    }
    for text in
        ["", "repeats:", "repeats=x:", "nothing=1:", ": nothing", ": loop tee", ": tee ) tee"]
    {
        assert!(text.parse::<Bomb>().is_err(), "{text:?}");
    }
}

#[test]
fn every_piece_makes_a_valid_module() {
    let pieces = OPERATORS.iter().map(ToString::to_string);
    for piece in pieces.chain(["spin".into(), "switch3".into()]) {
        for text in [
            format!("repeats=3: {piece} {piece}"),
            format!("repeats=2 params=3 locals=2 width=2 depth=2: if ( {piece} ) loop ( {piece} )"),
        ] {
            let code = recipe(&text).module();
            prepare::check(&code).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }
}

#[test]
fn recipes_at_a_limit_are_accepted_and_one_more_is_not() {
    for AtLimit { limit, gene, recipe: text } in AT_LIMIT {
        let bomb = recipe(text);
        if let Err(error) = prepare::check(&bomb.module()) {
            panic!("{limit}: {text}: {error}");
        }
        let more = bomb.get(*gene) + 1;
        let error = prepare::check(&bomb.with(*gene, more).module()).expect_err(text).to_string();
        assert!(error.contains(limit), "{limit}: {text}: {error}");
    }
}

#[test]
fn the_worst_are_accepted_and_compile() {
    for (name, text) in WORST {
        let code = recipe(text).module();
        prepare::check(&code).unwrap_or_else(|error| panic!("{name}: {text}: {error}"));
        let receipt = Deployment::new(code).run();
        let receipt = receipt.unwrap_or_else(|error| panic!("{name}: {text}: {error}"));
        assert!(receipt.status.is_success(), "{name}: {text}: {:?}", receipt.status);
    }
}

#[test]
fn what_was_worst_before_the_limits_is_refused() {
    for text in [
        // Microseconds per byte: 139, 151, 238, 30.
        "repeats=19974 params=2 locals=250 depth=4: icall",
        "repeats=824 params=2 locals=4 width=700 depth=200: call loop ( grow grow ) clz copy",
        "repeats=341 params=2 width=700: loop ( popcnt64 out tee copy loop ( rotl64 dead ) )",
        "repeats=9000: out",
    ] {
        assert!(!recipe(text).fits(), "{text}");
    }
}

#[test]
fn filling_stops_at_the_limit() {
    let filled = recipe(": spin").fill(Gene::Repeats, 20_000).expect("some fit");
    assert_eq!(filled.get(Gene::Repeats), 1_024);
    assert_eq!(recipe(": tee").fill(Gene::Repeats, 5).expect("all fit").get(Gene::Repeats), 5);
    assert_eq!(recipe("types=2000:").fill(Gene::Repeats, 5), None);
}
