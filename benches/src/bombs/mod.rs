//! Compile bombs: small modules within every limit that are as expensive to compile as their author
//! can make them. A [`Bomb`] is a recipe, written as one line of text, so that the worst one that a
//! search finds can be kept.
//!
//! ```text
//! functions=8 repeats=6000 width=40: grow popcnt loop(tee out)
//! ```
//!
//! Each of its functions keeps one number on top of the operand stack and repeats a unit of
//! [`Piece`]s, each of which replaces that number by another.

mod deploy;
mod known;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;
use std::str::FromStr;

pub use deploy::Deployment;
pub use known::{AT_LIMIT, AtLimit, WORST};
use tos_runtime::prepare;

/// Declares the numbers of a recipe with their defaults.
macro_rules! genes {
    ($($(#[$doc:meta])* $gene:ident $name:literal = $default:literal;)*) => {
        /// A number of a recipe.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Gene {
            $($(#[$doc])* $gene),*
        }

        impl Gene {
            /// All of them, with their names in texts and their defaults.
            pub const ALL: &[(Self, &str, usize)] = &[$((Self::$gene, $name, $default)),*];
        }
    };
}

genes! {
    /// Functions besides the entry.
    Functions "functions" = 1;
    /// How often each repeats the unit.
    Repeats "repeats" = 1;
    /// Parameters of each function, at least one.
    Params "params" = 1;
    /// Local variables of each function.
    Locals "locals" = 0;
    /// Values that lie on the operand stack meanwhile.
    Width "width" = 0;
    /// Blocks around everything.
    Depth "depth" = 0;
    /// `nop` at the end of each function.
    Nops "nops" = 0;
    /// Types nobody uses.
    Types "types" = 0;
    /// Imports nobody uses.
    Imports "imports" = 0;
    /// Globals.
    Globals "globals" = 1;
    /// Exports besides the memory and the entry.
    Exports "exports" = 0;
    /// Elements of the table.
    Table "table" = 1;
    /// Element segments that fill the table.
    Elements "elements" = 0;
    /// Data segments.
    Segments "segments" = 0;
    /// Bytes of each data segment.
    SegmentBytes "segment_bytes" = 0;
    /// Pages of memory.
    Pages "pages" = 1;
}

/// A step of a function: takes the number on top of the stack and leaves another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Operators from [`OPERATORS`].
    Op(usize),
    /// An empty loop of three bytes.
    Spin,
    /// A `br_table` with this many targets, all behind it.
    Switch(usize),
    /// A block, a loop or an if around pieces.
    Nest(Construct, Vec<Piece>),
}

/// What encloses pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Construct {
    /// `block`
    Block,
    /// `loop`, repeated while the number is not zero.
    Loop,
    /// `if` the number is not zero.
    If,
}

impl Construct {
    const NAMES: [(Self, &str); 3] =
        [(Self::Block, "block"), (Self::Loop, "loop"), (Self::If, "if")];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|row| row.0 == self).expect("all have names").1
    }
}

/// Names of the plain pieces; [`write`] says what each stands for.
pub const OPERATORS: &[&str] = &[
    "eqz", "clz", "popcnt", "popcnt64", "extend", "add", "mul64", "div", "rem64", "shl", "rotl64",
    "select", "get", "tee", "global", "load", "load8", "store", "grow", "copy", "fill", "call",
    "icall", "out", "near", "dead", "wide",
];

/// A recipe of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bomb {
    numbers: Vec<usize>,
    /// What each function repeats.
    pub unit: Vec<Piece>,
}

impl Bomb {
    /// A number of the recipe.
    #[must_use]
    pub fn get(&self, gene: Gene) -> usize {
        self.numbers[gene as usize]
    }

    /// The recipe with another number.
    #[must_use]
    pub fn with(mut self, gene: Gene, number: usize) -> Self {
        self.numbers[gene as usize] = number;
        self
    }

    /// The module.
    #[must_use]
    pub fn module(&self) -> Vec<u8> {
        write::module(self)
    }

    /// Whether the gate accepts the module.
    #[must_use]
    pub fn fits(&self) -> bool {
        prepare::check(&self.module()).is_ok()
    }

    /// The recipe with the largest number up to `max` with which the gate accepts the module;
    /// `None` if it accepts none.
    #[must_use]
    pub fn fill(self, gene: Gene, max: usize) -> Option<Self> {
        let mut fitting = None;
        let (mut low, mut high) = (1, max);
        while low <= high {
            let middle = low.midpoint(high);
            let bomb = self.clone().with(gene, middle);
            if bomb.fits() {
                fitting = Some(bomb);
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        fitting
    }
}

impl fmt::Display for Bomb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (gene, name, default) in Gene::ALL {
            if self.get(*gene) != *default {
                write!(f, "{name}={} ", self.get(*gene))?;
            }
        }
        f.write_str(":")?;
        write_pieces(f, &self.unit)
    }
}

fn write_pieces(f: &mut fmt::Formatter<'_>, pieces: &[Piece]) -> fmt::Result {
    for piece in pieces {
        match piece {
            Piece::Op(index) => write!(f, " {}", OPERATORS[*index])?,
            Piece::Spin => f.write_str(" spin")?,
            Piece::Switch(targets) => write!(f, " switch{targets}")?,
            Piece::Nest(construct, inner) => {
                write!(f, " {} (", construct.name())?;
                write_pieces(f, inner)?;
                f.write_str(" )")?;
            }
        }
    }
    Ok(())
}

/// Text that is no recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotARecipe(String);

impl fmt::Display for NotARecipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not part of a recipe: {:?}", self.0)
    }
}

impl std::error::Error for NotARecipe {}

impl FromStr for Bomb {
    type Err = NotARecipe;

    fn from_str(text: &str) -> Result<Self, NotARecipe> {
        let (numbers, unit) = text.split_once(':').ok_or_else(|| NotARecipe(text.into()))?;
        let defaults = Gene::ALL.iter().map(|(_, _, default)| *default).collect();
        let mut bomb = Self { numbers: defaults, unit: Vec::new() };
        for word in numbers.split_whitespace() {
            let unknown = || NotARecipe(word.into());
            let (name, number) = word.split_once('=').ok_or_else(unknown)?;
            let gene = Gene::ALL.iter().find(|row| row.1 == name).ok_or_else(unknown)?.0;
            bomb = bomb.with(gene, number.parse().map_err(|_| unknown())?);
        }
        let mut words = unit.split_whitespace();
        bomb.unit = pieces(&mut words)?;
        match words.next() {
            Some(word) => Err(NotARecipe(word.into())),
            None => Ok(bomb),
        }
    }
}

/// Reads pieces up to the end or a closing bracket.
fn pieces<'a>(words: &mut impl Iterator<Item = &'a str>) -> Result<Vec<Piece>, NotARecipe> {
    let mut pieces = Vec::new();
    while let Some(word) = words.next() {
        let unknown = || NotARecipe(word.into());
        if word == ")" {
            break;
        }
        let construct = Construct::NAMES.iter().find(|row| row.1 == word);
        pieces.push(if word == "spin" {
            Piece::Spin
        } else if let Some(targets) = word.strip_prefix("switch") {
            Piece::Switch(targets.parse().map_err(|_| unknown())?)
        } else if let Some((construct, _)) = construct {
            if words.next() != Some("(") {
                return Err(unknown());
            }
            Piece::Nest(*construct, self::pieces(words)?)
        } else {
            Piece::Op(OPERATORS.iter().position(|name| *name == word).ok_or_else(unknown)?)
        });
    }
    Ok(pieces)
}
