//! Builds a contract's crate with the cargo of its author, and with the settings the SDK documents
//! where the author has none.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::Value as Json;

/// What contracts are compiled for.
const TARGET: &str = "wasm32v1-none";
/// How rustc and its linker are asked for small modules on one page; `contracts/.cargo/config.toml`
/// tells why each is there.
const FLAGS: [&str; 3] = [
    "-Clink-arg=-zstack-size=16384",
    "-Clink-arg=--compress-relocations",
    "-Ctarget-feature=+bulk-memory,+sign-ext",
];
/// The release profile of contracts, as `contracts/Cargo.toml` has it.
const PROFILE: [&str; 6] = [
    "opt-level=\"s\"",
    "lto=true",
    "codegen-units=1",
    "panic=\"abort\"",
    "strip=true",
    "overflow-checks=true",
];
/// What would change the result without being part of the sources, or would choose our toolchain
/// instead of the author's.
const ENVIRONMENT: [&str; 6] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "RUSTUP_TOOLCHAIN",
    "RUSTC",
];

/// A crate that makes a contract's module.
pub(crate) struct Crate {
    folder: PathBuf,
    name: String,
    target_folder: PathBuf,
    /// Whether the author's cargo configuration has flags for rustc.
    pub own_flags: bool,
    /// Whether the author's manifest has a release profile.
    pub own_profile: bool,
    /// Folders of the packages outside of the workspace, and what messages call them.
    remapped: Vec<(String, String)>,
}

impl Crate {
    /// Asks cargo about the crate in a folder.
    pub(crate) fn at(folder: &Path) -> Result<Self> {
        let shown = folder.display();
        ensure!(folder.join("Cargo.toml").is_file(), "there is no Cargo.toml in {shown}");
        let folder = folder.canonicalize().with_context(|| format!("cannot open {shown}"))?;
        let output = tool("cargo", &folder)
            .args(["metadata", "--format-version=1", "--filter-platform", TARGET])
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start cargo")?;
        ensure!(output.status.success(), "cargo does not understand {shown}");
        let metadata: Json =
            serde_json::from_slice(&output.stdout).context("cannot read what cargo says")?;
        Self::of(&folder, &metadata)
    }

    /// Reads the answer of `cargo metadata`.
    pub(crate) fn of(folder: &Path, metadata: &Json) -> Result<Self> {
        let packages = metadata["packages"].as_array().context("cargo names no packages")?;
        let manifest = folder.join("Cargo.toml");
        let package = packages
            .iter()
            .find(|package| {
                folder_of(package).is_some_and(|own| own.join("Cargo.toml") == manifest)
            })
            .with_context(|| {
                format!("{} is no package; name the folder of the contract", manifest.display())
            })?;
        let name = text(&package["name"])?;
        let kinds = package["targets"].as_array().into_iter().flatten();
        let makes_module = kinds
            .flat_map(|target| target["crate_types"].as_array().into_iter().flatten())
            .any(|kind| kind == "cdylib");
        ensure!(
            makes_module,
            "{name} makes no module; add to its Cargo.toml:\n  [lib]\n  crate-type = [\"cdylib\", \
             \"rlib\"]"
        );

        let root = PathBuf::from(text(&metadata["workspace_root"])?);
        let needed = needed_by(metadata, &package["id"]);
        let outside = packages.iter().filter(|package| needed.contains(&package["id"].to_string()));
        let remapped = outside.filter_map(|package| {
            let folder = folder_of(package).filter(|folder| !folder.starts_with(&root))?;
            let name = format!("{}-{}", package["name"].as_str()?, package["version"].as_str()?);
            Some((folder.to_str()?.to_owned(), name))
        });
        Ok(Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
            target_folder: text(&metadata["target_directory"])?.into(),
            own_flags: has_own_flags(folder),
            own_profile: has_own_profile(&root),
            remapped: remapped.collect(),
        })
    }

    /// Where the module goes unless somebody wants it elsewhere.
    pub(crate) fn default_out(&self) -> PathBuf {
        self.target_folder.join(format!("{}.wasm", self.name.replace('-', "_")))
    }

    /// The module.
    pub(crate) fn build(&self) -> Result<Vec<u8>> {
        self.check_target()?;
        self.run(&self.target_folder, &[])
    }

    /// The same module with the names of its functions, built aside. Debug information would be more
    /// than that, and the linker does not write it together with short relocations.
    pub(crate) fn build_with_names(&self) -> Result<Vec<u8>> {
        self.run(
            &self.target_folder.join("with-names"),
            &["--config", "profile.release.strip=\"debuginfo\""],
        )
    }

    /// Without the target's library, rustc has a page of errors instead of one sentence.
    fn check_target(&self) -> Result<()> {
        let rustc = |arguments: &[&str]| -> Result<String> {
            let output = tool("rustc", &self.folder).args(arguments).output();
            let output = output.context("cannot start rustc")?;
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let library = rustc(&["--print=target-libdir", "--target", TARGET])?;
        check_library(Path::new(&library), &rustc(&["--version"])?)
    }

    fn run(&self, target_folder: &Path, more: &[&str]) -> Result<Vec<u8>> {
        let mut cargo = tool("cargo", &self.folder);
        cargo
            .args(["build", "--release", "--target", TARGET, "--package", &self.name, "--lib"])
            .args(["--message-format=json-render-diagnostics", "--target-dir"])
            .arg(target_folder)
            .args(self.settings())
            .args(more)
            .stderr(Stdio::inherit());
        let output = cargo.output().context("cannot start cargo")?;
        // What is wrong stands above: cargo writes to the same terminal.
        ensure!(output.status.success(), "{} does not build", self.name);
        let module = self.module_in(&String::from_utf8_lossy(&output.stdout));
        let module = module.ok_or_else(|| anyhow!("cargo has built no module of {}", self.name))?;
        fs::read(&module).with_context(|| format!("cannot read {}", module.display()))
    }

    /// What the author has not decided.
    fn settings(&self) -> Vec<String> {
        let mut settings = Vec::new();
        if !self.own_profile {
            let lines = PROFILE.iter().map(|line| format!("profile.release.{line}"));
            settings.extend(lines.flat_map(|line| ["--config".to_owned(), line]));
        }
        if !self.own_flags {
            // A list of strings in JSON is one in TOML.
            let flags = serde_json::json!(self.flags());
            settings.push("--config".to_owned());
            settings.push(format!("target.{TARGET}.rustflags={flags}"));
        }
        settings
    }

    /// Messages name files; those of packages outside of the workspace would say where on this
    /// machine they are.
    fn flags(&self) -> Vec<String> {
        let remapped = self.remapped.iter();
        let remapped =
            remapped.map(|(folder, name)| format!("--remap-path-prefix={folder}={name}"));
        FLAGS.iter().map(ToString::to_string).chain(remapped).collect()
    }

    /// The path of the module in cargo's messages, a JSON object on each line.
    fn module_in(&self, messages: &str) -> Option<PathBuf> {
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
        let own = messages.filter(|message| {
            message["reason"] == "compiler-artifact"
                && message["manifest_path"].as_str().map(Path::new)
                    == Some(&self.folder.join("Cargo.toml"))
        });
        let files = own.filter_map(|message| message["filenames"].as_array().cloned()).flatten();
        let files = files.filter_map(|file| file.as_str().map(PathBuf::from));
        files.into_iter().find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
    }
}

/// Fails with the remedy when the library of the target is not there.
fn check_library(library: &Path, version: &str) -> Result<()> {
    if library.is_dir() {
        return Ok(());
    }
    bail!(
        "{version} cannot compile for contracts yet; install the target once:\n  rustup target add {TARGET}"
    )
}

/// A tool as its author would start it in this folder.
fn tool(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(name);
    command.current_dir(folder);
    for variable in ENVIRONMENT {
        command.env_remove(variable);
    }
    command
}

/// Packages that a package is built from, itself included. Those of its tests are not: there are
/// hundreds.
fn needed_by(metadata: &Json, package: &Json) -> BTreeSet<String> {
    let nodes = metadata["resolve"]["nodes"].as_array();
    let mut needed = BTreeSet::new();
    let mut open = vec![package.clone()];
    while let Some(id) = open.pop() {
        if !needed.insert(id.to_string()) {
            continue;
        }
        let node = nodes.and_then(|nodes| nodes.iter().find(|node| node["id"] == id));
        let dependencies = node.and_then(|node| node["deps"].as_array()).into_iter().flatten();
        let is_built = |dependency: &&Json| {
            let kinds = dependency["dep_kinds"].as_array().into_iter().flatten();
            kinds.into_iter().any(|kind| kind["kind"] != "dev")
        };
        open.extend(dependencies.filter(is_built).map(|dependency| dependency["pkg"].clone()));
    }
    needed
}

fn folder_of(package: &Json) -> Option<PathBuf> {
    Path::new(package["manifest_path"].as_str()?).parent().map(Path::to_owned)
}

fn text(value: &Json) -> Result<&str> {
    value.as_str().context("cannot read what cargo says")
}

/// Whether a configuration that cargo finds from this folder upwards has flags for rustc that apply to
/// contracts. Cargo would add ours to them.
fn has_own_flags(folder: &Path) -> bool {
    let files = folder
        .ancestors()
        .flat_map(|folder| ["config.toml", "config"].map(|name| folder.join(".cargo").join(name)));
    files.into_iter().any(|file| sets_flags(&fs::read_to_string(file).unwrap_or_default()))
}

/// Whether a configuration has `rustflags` for this target or for all. Many people have some for
/// their own machine in their home, which says nothing about contracts.
fn sets_flags(config: &str) -> bool {
    let mut table = "";
    uncommented(config).any(|line| {
        if line.starts_with('[') {
            table = line;
        }
        let applies = |place: &str| ["build", "cfg(", TARGET].iter().any(|it| place.contains(it));
        match line.split_once('=') {
            Some((key, _)) if key.contains("rustflags") => applies(table) || applies(key),
            _ => false,
        }
    })
}

fn has_own_profile(root: &Path) -> bool {
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
    uncommented(&manifest).any(|line| line.starts_with("[profile.release]"))
}

/// The lines of a TOML file without comments.
fn uncommented(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.split('#').next().map(str::trim))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer of `cargo metadata` about a contract in `/c` with the SDK beside it, which needs
    /// a package from a registry, and with tests that need another one.
    fn metadata() -> Json {
        let package = |name: &str, folder: &str, kinds: &[&str]| {
            serde_json::json!({
                "id": name, "name": name, "version": "1.2.3",
                "manifest_path": format!("{folder}/Cargo.toml"),
                "targets": [{ "crate_types": kinds }],
            })
        };
        let needs = |name: &str, needed: &[(&str, Option<&str>)]| {
            let deps = needed.iter().map(
                |(name, kind)| serde_json::json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] }),
            );
            serde_json::json!({ "id": name, "deps": deps.collect::<Vec<_>>() })
        };
        serde_json::json!({
            "workspace_root": "/c",
            "target_directory": "/c/target",
            "packages": [
                package("my-bank", "/c", &["cdylib", "rlib"]),
                package("tos-sdk", "/tos/sdk", &["lib"]),
                package("borsh", "/registry/borsh-1.2.3", &["lib"]),
                package("runtime", "/tos/runtime", &["lib"]),
                package("inner", "/c/inner", &["lib"]),
            ],
            "resolve": { "nodes": [
                needs("my-bank", &[("tos-sdk", None), ("runtime", Some("dev")), ("inner", None)]),
                needs("tos-sdk", &[("borsh", None)]),
                needs("borsh", &[]),
            ]},
        })
    }

    #[test]
    fn the_module_goes_to_the_target_folder() {
        let krate = Crate::of(Path::new("/c"), &metadata()).unwrap();
        assert_eq!(krate.default_out(), Path::new("/c/target/my_bank.wasm"));
    }

    #[test]
    fn only_what_is_built_and_lies_outside_is_remapped() {
        let krate = Crate::of(Path::new("/c"), &metadata()).unwrap();
        let expected = [
            "--remap-path-prefix=/tos/sdk=tos-sdk-1.2.3",
            "--remap-path-prefix=/registry/borsh-1.2.3=borsh-1.2.3",
        ];
        assert_eq!(krate.flags()[FLAGS.len()..], expected);
    }

    #[test]
    fn a_crate_that_makes_no_module_is_told_how() {
        let mut metadata = metadata();
        metadata["packages"][0]["targets"][0]["crate_types"] = serde_json::json!(["lib"]);
        let error = Crate::of(Path::new("/c"), &metadata).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("crate-type = [\"cdylib\", \"rlib\"]"), "{error}");
        let error = Crate::of(Path::new("/d"), &metadata).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("name the folder of the contract"), "{error}");
    }

    #[test]
    fn what_the_author_decided_stays() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir_all(folder.path().join(".cargo")).unwrap();
        fs::create_dir_all(&inner).unwrap();
        assert!(!has_own_flags(&inner) && !has_own_profile(folder.path()));
        let config = folder.path().join(".cargo/config.toml");
        fs::write(config, "[build]\nrustflags = []\n").unwrap();
        assert!(has_own_flags(&inner), "a configuration applies to the folders below");
        fs::write(folder.path().join("Cargo.toml"), "[profile.release]\nlto = true\n").unwrap();
        assert!(has_own_profile(folder.path()));

        let mut krate = Crate::of(Path::new("/c"), &metadata()).unwrap();
        krate.own_flags = true;
        krate.own_profile = true;
        assert_eq!(krate.settings(), <[&str; 0]>::default());
        krate.own_profile = false;
        assert!(krate.settings().contains(&"profile.release.overflow-checks=true".to_owned()));
    }

    #[test]
    fn flags_for_other_machines_are_none_for_contracts() {
        for config in [
            "[target.wasm32v1-none]\nrustflags = []",
            "target.wasm32v1-none.rustflags = []",
            "[target.'cfg(all())']\nrustflags = []",
            "build.rustflags = []",
            "[build]\ntarget = \"wasm32v1-none\"\nrustflags = []",
        ] {
            assert!(sets_flags(config), "{config}");
        }
        for config in [
            "[target.x86_64-unknown-linux-gnu]\nrustflags = [\"-Clink-arg=-fuse-ld=mold\"]",
            "[build]\n# rustflags = []\ntarget = \"wasm32v1-none\"",
            "[build]\njobs = 2\n[target.aarch64-apple-darwin]\nrustflags = []",
            "",
        ] {
            assert!(!sets_flags(config), "{config}");
        }
    }

    #[test]
    fn a_missing_target_comes_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check_library(folder.path(), "rustc 1.95.0").is_ok());
        let error = check_library(&folder.path().join("lib"), "rustc 1.95.0").unwrap_err();
        assert!(error.to_string().ends_with("rustup target add wasm32v1-none"), "{error}");
    }

    #[test]
    fn the_module_is_the_crates_own() {
        let krate = Crate::of(Path::new("/c"), &metadata()).unwrap();
        let messages = r#"
            {"reason":"compiler-artifact","manifest_path":"/d/Cargo.toml","filenames":["/t/d.wasm"]}
            {"reason":"compiler-artifact","manifest_path":"/c/Cargo.toml","filenames":["/t/c.rlib","/t/c.wasm"]}
            {"reason":"build-finished","success":true}
        "#;
        assert_eq!(krate.module_in(messages).as_deref(), Some(Path::new("/t/c.wasm")));
        assert_eq!(krate.module_in("{}"), None);
    }
}
