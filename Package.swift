// swift-tools-version: 6.2
import PackageDescription

// libtorch is unpacked here by `make setup`; TVT_LIBTORCH names another folder with include/ and lib/.
let libtorch = Context.environment["TVT_LIBTORCH"] ?? Context.packageDirectory + "/.deps/wheels/torch"

// So is Arrow C++, out of the wheel of pyarrow; TVT_ARROW names another folder with include/ and its libraries.
let arrow = Context.environment["TVT_ARROW"] ?? Context.packageDirectory + "/.deps/wheels/pyarrow"

let swift: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    // Exclusivity is checked where the compiler can see it; checks at run time took 6 % of a conversion.
    .unsafeFlags(
        ["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

// Optimising the tests themselves took half of the time of building them, and hardly shortens their runs: what takes long in
// them is optimised modules and tools.
let swiftOfTests: [SwiftSetting] =
    swift + [.unsafeFlags(["-Onone"], .when(configuration: .release))]

/// A module of Swift sources; `uses` are the targets of this package that it may import.
func room(
    _ name: String, uses: [String] = [], packages: [Target.Dependency] = [], resources: [Resource] = []
) -> Target {
    .target(
        name: name,
        dependencies: uses.map { .target(name: $0) } + packages,
        exclude: ["README.md"],
        resources: resources,
        swiftSettings: swift)
}

/// Puts the sources of each target under `Sources/<folder>/<name>`.
func layer(_ folder: String, _ targets: [Target]) -> [Target] {
    for target in targets { target.path = "Sources/\(folder)/\(target.name)" }
    return targets
}

func tool(_ name: String, uses: [String]) -> Target {
    .executableTarget(
        name: name,
        dependencies: (["Base", "CommandLineKit"] + uses).map { .target(name: $0) } + [argumentParser],
        swiftSettings: swift)
}

/// Tests of the room of the same name; golden files lie beside them and are read from the source tree.
func tests(_ name: String, uses: [String], packages: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .testTarget(
        name: name + "Tests",
        dependencies: (["Base", "TestKit"] + uses).map { .target(name: $0) } + packages,
        exclude: exclude,
        swiftSettings: swiftOfTests)
}

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

// Layer 0: one shim per C or C++ library.
let bindings: [Target] = layer(
    "Bindings",
    [
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .target(name: "CFamilies", exclude: ["README.md"]),
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CNettle", pkgConfig: "nettle", providers: [.apt(["nettle-dev"])]),
        .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
        .systemLibrary(name: "CGlibc"),
        .target(name: "CCurl", exclude: ["README.md"]),
        // Loads the library when it is first needed, apart from libtorch, whose functions have the same names.
        .target(name: "COpenBLAS", exclude: ["README.md"]),
        .target(
            name: "CSimdJSON", exclude: ["README.md"],
            linkerSettings: [.linkedLibrary("simdjson")]),
        .target(
            name: "CJPEG", dependencies: ["CDeadline"], exclude: ["README.md"], cSettings: [.define("_GNU_SOURCE")],
            linkerSettings: [.linkedLibrary("jpeg")]),
        .target(name: "COnig", exclude: ["README.md"], linkerSettings: [.linkedLibrary("onig")]),
        .target(name: "CMels", exclude: ["README.md"]),
        .target(name: "CPixels", exclude: ["README.md"]),
        .target(name: "CDeadline", exclude: ["README.md"]),
        .target(
            name: "CPNG", dependencies: ["CDeadline"], exclude: ["README.md"], linkerSettings: [.linkedLibrary("png")]),
        .target(
            name: "CWebP", dependencies: ["CDeadline"], exclude: ["README.md"],
            linkerSettings: [.linkedLibrary("webp"), .linkedLibrary("webpdemux")]),
        // Loads CAVPlugin when audio, a video or an image that only libav knows is first opened.
        .target(name: "CAV", exclude: ["README.md"]),
        .target(
            name: "CAVPlugin", dependencies: ["CDeadline"], exclude: ["README.md"],
            linkerSettings: ["avformat", "avcodec", "avutil", "swresample", "swscale"].map { .linkedLibrary($0) }),
        // The full tables come before the library, whose own small ones they replace.
        .target(
            name: "CLanguage", exclude: ["README.md"],
            linkerSettings: [.linkedLibrary("cld2_full"), .linkedLibrary("cld2")]),
        .target(name: "CProcess", exclude: ["README.md"]),
        // Loads CArrowPlugin when a Parquet file is first opened.
        .target(name: "CArrow", exclude: ["README.md"]),
        .target(
            name: "CArrowPlugin", exclude: ["README.md"],
            cxxSettings: [.unsafeFlags(["-isystem", arrow + "/include"])],
            // The libraries of the wheel carry their version in their names, and no link without it.
            linkerSettings: [
                .unsafeFlags([
                    "-L" + arrow, "-Xlinker", "-rpath=" + arrow, "-l:libparquet.so.2600", "-l:libarrow.so.2600",
                ])
            ]),
        // Loads CTorchPlugin when something is first computed.
        .target(name: "CTorch", exclude: ["README.md"]),
        .target(
            name: "CTorchPlugin", exclude: ["README.md"],
            cxxSettings: [
                .headerSearchPath("gloo-declarations"),
                .unsafeFlags([
                    "-isystem", libtorch + "/include",
                    "-isystem", libtorch + "/include/torch/csrc/api/include",
                ]),
            ],
            linkerSettings: [
                .unsafeFlags(["-L" + libtorch + "/lib", "-Xlinker", "-rpath=" + libtorch + "/lib"]),
                .linkedLibrary("torch_cpu"), .linkedLibrary("c10"),
            ]),
    ])

// Layer 1: what every room stands on.
let base: [Target] = layer(
    "Foundation",
    [
        room("Base", uses: ["CGlibc", "CNettle", "CXXHash"], packages: [logging, systemPackage])
    ])

// Layer 2: one Swift owner per foreign resource.
let wrappers: [Target] = layer(
    "Foundation",
    [
        room("Zstandard", uses: ["CZstd", "Base"]),
        room("Archives", uses: ["CArchive", "CZlib", "Base"], packages: [systemPackage]),
        room("HTTP", uses: ["CCurl", "Base"], packages: [systemPackage]),
        room("JSON", uses: ["CSimdJSON", "Base"], packages: [systemPackage]),
        room("Media", uses: ["CAV", "CJPEG", "CPNG", "CPixels", "CWebP", "Base"]),
        room("Columns", uses: ["CArrow", "Base", "JSON"], packages: [systemPackage]),
        room("RegularExpressions", uses: ["COnig"]),
        room("Tensors", uses: ["CTorch", "Base", "JSON"], packages: [systemPackage]),
        room("Processes", uses: ["CProcess", "Base"], packages: [systemPackage]),
        room("Collectives", uses: ["Base", "Processes", "Tensors"]),
        room("YAML", uses: ["Base"], packages: [yams]),
        room("OpenBLAS", uses: ["COpenBLAS", "Base"]),
    ])

// Layer 3: bytes to values and back.
let formats: [Target] = layer(
    "Formats",
    [
        room("Records", uses: ["Base", "JSON"], packages: [systemPackage]),
        room("Tokenizers", uses: ["Base", "JSON", "RegularExpressions"], packages: [systemPackage]),
        room("Templates", uses: ["Base", "JSON"], packages: [systemPackage]),
        room("Rankings", uses: ["Base", "Archives", "JSON"], packages: [systemPackage]),
        room("Vectors", uses: ["Base", "JSON"], packages: [systemPackage]),
        room("Reports", uses: ["Base"]),
    ])

/// What `tvt-store browse` shows in a browser; compiled in, so that the program needs nothing beside it.
let pageFiles: [Resource] = [
    "app.js", "cards.js", "elements.js", "icon.svg", "index.html", "lists.js", "model.js", "overview.js", "style.css",
].map { .embedInCode("Page/" + $0) }

// Layer 4: raw data to versions of datasets, and the store that keeps them.
let data: [Target] = layer(
    "Data",
    [
        room("StoreFormat", uses: ["Base", "JSON", "Zstandard", "Records"], packages: [systemPackage]),
        room("Store", uses: ["Base", "JSON", "Records", "StoreFormat"], packages: [grdb, logging, systemPackage]),
        room(
            "StoreMaintenance", uses: ["Base", "JSON", "Zstandard", "Records", "StoreFormat", "Store"],
            packages: [systemPackage]),
        room(
            "Remotes", uses: ["Base", "HTTP", "JSON", "StoreFormat", "Store", "StoreMaintenance"],
            packages: [systemPackage]),
        room(
            "Ingest", uses: ["Base", "JSON", "Archives", "Records", "Rankings", "StoreFormat", "Store"],
            packages: [systemPackage]),
        room(
            "Export", uses: ["Base", "JSON", "Archives", "Records", "StoreFormat", "Store", "Ingest"],
            packages: [systemPackage]),
        room(
            "RawSources",
            uses: ["Base", "JSON", "Archives", "Columns", "Records", "StoreFormat", "Store", "Ingest"],
            packages: [systemPackage]),
        room(
            "MappedSources",
            uses: [
                "Base", "JSON", "Archives", "Columns", "Processes", "Records", "StoreFormat", "Store", "Ingest",
                "RawSources",
            ],
            packages: [systemPackage]),
        room(
            "Validation", uses: ["CLanguage", "Base", "JSON", "Records", "StoreFormat", "Ingest", "Analysis"],
            packages: [systemPackage]),
        room("Inspection", uses: ["Base", "JSON", "Media", "Records", "Ingest"], packages: [systemPackage]),
        room("Examples", uses: ["Base", "JSON", "Records", "StoreFormat", "Store"]),
        room(
            "Curation", uses: ["Base", "Archives", "JSON", "Records", "Rankings", "StoreFormat", "Store"],
            packages: [systemPackage]),
        room(
            "Analysis", uses: ["Base", "JSON", "Media", "Zstandard", "Reports", "StoreFormat", "Store"],
            packages: [systemPackage]),
        room(
            "Browsing", uses: ["Base", "JSON", "Records", "StoreFormat", "Store"],
            packages: [httpTypes, hummingbird, logging, nioCore, nioPosix], resources: pageFiles),
        room(
            "Recipes",
            uses: [
                "Processes", "Base", "HTTP", "JSON", "YAML", "Records", "Reports", "StoreFormat", "Store", "Mining",
                "Evaluation",
            ],
            packages: [systemPackage]),
    ])

// Layer 5: from models to rankings.
let retrieval: [Target] = layer(
    "Retrieval",
    [
        room(
            "Models", uses: ["CFamilies", "Base", "JSON", "Records", "RegularExpressions", "Tensors", "Tokenizers"],
            packages: [systemPackage]),
        room("ForeignWeights", uses: ["Base", "JSON", "Tensors"], packages: [systemPackage]),
        room(
            "Inputs",
            uses: [
                "CMels", "CPixels", "Base", "JSON", "Records", "Media", "Models", "Templates", "Tensors", "Tokenizers",
            ],
            packages: [systemPackage]),
        room("Engine", uses: ["Base", "Records", "Tensors", "Models"], packages: [systemPackage]),
        room(
            "Encoding",
            uses: [
                "Base", "JSON", "Processes", "Tensors", "Records", "Vectors", "Models", "Inputs", "Engine", "Store",
                "Examples",
            ],
            packages: [systemPackage]),
        room("Search", uses: ["Base", "Processes", "Vectors", "Rankings"], packages: [systemPackage]),
        room(
            "Mining", uses: ["Base", "JSON", "Records", "Rankings", "Search", "StoreFormat", "Store"],
            packages: [systemPackage]),
        room(
            "Training",
            uses: [
                "Base", "JSON", "YAML", "Tensors", "Records", "Rankings", "Vectors", "Reports", "StoreFormat", "Store",
                "Examples", "Models", "Inputs", "Engine", "Encoding", "Search", "Evaluation",
            ],
            packages: [systemPackage, yams]),
        room("Evaluation", uses: ["Base", "JSON", "Rankings"], packages: [systemPackage]),
    ])

// Layer 6: argument parsing and wiring.
let tools: [Target] = layer(
    "Tools",
    [
        room(
            "CommandLineKit", uses: ["CProcess", "Base", "JSON", "Processes"],
            packages: [argumentParser, logging, systemPackage]),
        room("ModelCommandLine", uses: ["Base", "CommandLineKit", "Engine", "Models"], packages: [argumentParser]),
        tool(
            "tvt-convert",
            uses: [
                "JSON", "Media", "Records", "Store", "Remotes", "Ingest", "Export", "Inspection", "RawSources",
                "MappedSources", "Validation",
            ]),
        tool(
            "tvt-store",
            uses: [
                "JSON", "Records", "StoreFormat", "Store", "StoreMaintenance", "Ingest", "Export", "Analysis",
                "Curation",
                "Remotes",
            ]),
        // Beside tvt-store, which starts in its place: it would be slower to start with a server linked into it.
        room(
            "BrowseCommandLine", uses: ["Base", "CommandLineKit", "JSON", "Store", "Remotes", "Browsing"],
            packages: [argumentParser]),
        tool("tvt-browse", uses: ["BrowseCommandLine"]),
        tool(
            "tvt-browse-model",
            uses: [
                "BrowseCommandLine", "Browsing", "Inputs", "Media", "ModelCommandLine", "Models", "Records", "Store",
            ]),
        tool(
            "tvt-encode",
            uses: [
                "Archives", "JSON", "Tensors", "Tokenizers", "Records", "Vectors", "Models", "ModelCommandLine",
                "Store",
                "Processes", "Remotes", "Encoding",
            ]),
        tool(
            "tvt-model",
            uses: [
                "JSON", "Records", "Tensors", "Tokenizers", "Vectors", "Models", "Inputs", "Engine", "ForeignWeights",
                "ModelCommandLine",
            ]),
        tool("tvt-search", uses: ["JSON", "OpenBLAS", "Processes", "Vectors", "Rankings", "Search"]),
        tool("tvt-mine", uses: ["JSON", "Rankings", "Store", "Mining"]),
        tool(
            "tvt-train",
            uses: ["Collectives", "JSON", "Processes", "Tensors", "Models", "Store", "Remotes", "Training"]),
        tool("tvt-eval", uses: ["JSON", "Processes", "Rankings", "StoreFormat", "Store", "Remotes", "Evaluation"]),
        tool("tvt-dataset", uses: ["JSON", "Recipes"]),
        tool("demo-captions", uses: ["Archives", "JSON", "Media", "Rankings", "Reports"]),
        tool("demo-report", uses: ["JSON", "Rankings", "Reports", "Store"]),
    ])

// TVT_TESTS=Store,Records builds only those rooms' tests; without it, all.
let wantedTests: Set<String>? = Context.environment["TVT_TESTS"].map { names in
    Set(names.split(separator: ",").map { String($0) + "Tests" })
}

let testTargets: [Target] = [
    .target(
        name: "TestKit", dependencies: ["Base", "JSON", systemPackage],
        path: "Tests/TestKit", exclude: ["README.md"], swiftSettings: swift),
    .target(
        name: "TestModels", dependencies: ["Base", "JSON", "Tensors", "TestKit", systemPackage],
        path: "Tests/TestModels", exclude: ["README.md"], swiftSettings: swift),
    .target(
        name: "TestGroups", dependencies: ["Processes", "Tensors"], path: "Tests/TestGroups", exclude: ["README.md"],
        swiftSettings: swift),
    tests("Base", uses: [], packages: [systemPackage]),
    tests("Zstandard", uses: ["Zstandard"]),
    tests(
        "Store", uses: ["Store", "StoreFormat", "StoreMaintenance", "Records", "JSON", "Zstandard", "tvt-store"],
        packages: [systemPackage], exclude: ["Golden"]),
    tests(
        "Remotes",
        uses: ["HTTP", "JSON", "Records", "Remotes", "Store", "StoreFormat", "StoreMaintenance", "tvt-store"],
        packages: [systemPackage],
        exclude: ["Servers"]),
    tests(
        "Ingest",
        uses: [
            "Archives", "JSON", "RawSources", "Records", "Store", "Export", "StoreFormat", "StoreMaintenance", "Ingest",
            "tvt-convert", "tvt-store",
        ],
        packages: [systemPackage], exclude: ["python.requirements"]),
    // Run by HostileTests and by scripts/asan.sh.
    .executableTarget(
        name: "tvt-hostile",
        dependencies: [
            "Archives", "Base", "Columns", "Ingest", "JSON", "MappedSources", "Media", "RawSources", "Records", "Store",
            "TestKit", systemPackage,
        ],
        path: "Tests/Hostile", exclude: ["README.md"], swiftSettings: swift),
    tests("Hostile", uses: ["tvt-hostile"], packages: [systemPackage]),
    .target(name: "FaultShim", path: "Tests/FaultShim", exclude: ["README.md"]),
    .target(
        name: "CUDAStandIn", path: "Tests/CUDAStandIn", exclude: ["README.md"],
        cxxSettings: [
            .unsafeFlags([
                "-isystem", libtorch + "/include", "-isystem", libtorch + "/include/torch/csrc/api/include",
            ])
        ],
        linkerSettings: [
            .unsafeFlags(["-L" + libtorch + "/lib"]), .linkedLibrary("torch_cpu"), .linkedLibrary("c10"),
        ]),
    .target(name: "NCCLStandIn", path: "Tests/NCCLStandIn", exclude: ["README.md"]),
    tests(
        "Fault", uses: ["JSON", "Records", "Store", "StoreMaintenance", "tvt-convert", "tvt-mine", "tvt-store"],
        packages: [systemPackage],
        exclude: ["README.md"]),
    tests(
        "Tool",
        uses: [
            "JSON", "Media", "Processes", "Rankings", "Store", "Tensors", "Vectors", "tvt-browse", "tvt-browse-model",
            "tvt-convert",
            "tvt-dataset", "tvt-encode", "tvt-eval", "tvt-mine", "tvt-model", "tvt-search", "tvt-store", "tvt-train",
        ], packages: [systemPackage]),
    tests("Tensors", uses: ["Tensors"], packages: [systemPackage]),
    tests("Collectives", uses: ["Processes", "Tensors", "Collectives", "TestGroups"], packages: [systemPackage]),
    tests(
        "Models", uses: ["JSON", "Records", "Tensors", "Models", "Engine", "Training", "TestModels", "tvt-model"],
        packages: [systemPackage], exclude: ["Golden"]),
    tests(
        "Encoding",
        uses: [
            "JSON", "Records", "Store", "StoreFormat", "StoreMaintenance", "Tensors", "Vectors", "Models", "Inputs",
            "Engine", "Encoding",
            "Examples", "TestGroups", "TestModels",
            "tvt-convert", "tvt-encode",
        ],
        packages: [systemPackage], exclude: ["Golden"]),
    tests("Templates", uses: ["JSON", "Templates"], packages: [systemPackage], exclude: ["Golden"]),
    tests(
        "ForeignWeights", uses: ["JSON", "Tensors", "ForeignWeights"], packages: [systemPackage], exclude: ["Golden"]),
    tests("DemoCaptions", uses: ["JSON", "Media", "demo-captions"], packages: [systemPackage]),
    tests(
        "Inputs", uses: ["Archives", "CMels", "CPixels", "JSON", "Media", "Models", "Records", "Tensors", "Inputs"],
        packages: [systemPackage],
        exclude: ["Golden"]),
    tests("Tokenizers", uses: ["Archives", "JSON", "Tokenizers"], packages: [systemPackage], exclude: ["Golden"]),
    tests(
        "Mining", uses: ["JSON", "Records", "Store", "StoreFormat", "Mining", "tvt-mine"], packages: [systemPackage],
        exclude: ["Golden"]),
    tests(
        "Training",
        uses: [
            "JSON", "Models", "Engine", "Records", "Store", "StoreFormat", "Tensors", "Training", "Examples",
            "TestGroups", "Vectors",
        ],
        packages: [systemPackage],
        exclude: ["Golden"]),
    tests(
        "Examples", uses: ["Examples", "Records", "Store", "StoreFormat"], packages: [systemPackage],
        exclude: ["Golden"]),
    tests("JSON", uses: ["JSON"]),
    tests(
        "Analysis",
        uses: [
            "JSON", "Media", "Records", "Store", "StoreFormat", "StoreMaintenance", "Analysis", "tvt-store",
            "tvt-convert",
        ],
        packages: [systemPackage]),
    tests(
        "Curation", uses: ["JSON", "Records", "Store", "StoreFormat", "Curation", "tvt-convert", "tvt-store"],
        packages: [systemPackage]),
    tests(
        "Browsing",
        uses: [
            "Archives", "Browsing", "JSON", "Records", "Store", "StoreFormat", "tvt-browse", "tvt-browse-model",
            "tvt-store",
        ],
        packages: [systemPackage]),
    tests("Archives", uses: ["Archives"], packages: [systemPackage], exclude: ["Golden"]),
    tests(
        "RawSources",
        uses: [
            "Archives", "Columns", "JSON", "Records", "Store", "StoreFormat", "StoreMaintenance", "Ingest",
            "RawSources", "tvt-convert", "tvt-store",
        ],
        packages: [systemPackage], exclude: ["Golden"]),
    tests(
        "MappedSources",
        uses: [
            "Archives", "JSON", "Records", "StoreFormat", "Store", "Ingest", "RawSources", "MappedSources",
            "tvt-convert",
            "tvt-store",
        ], packages: [systemPackage], exclude: ["Golden"]),
    tests(
        "Validation", uses: ["Ingest", "JSON", "RawSources", "Records", "Store", "Validation", "tvt-convert"],
        packages: [systemPackage], exclude: ["Golden"]),
    tests(
        "Inspection",
        uses: [
            "Archives", "JSON", "Media", "Records", "Store", "StoreFormat", "StoreMaintenance", "Ingest", "Inspection",
            "RawSources", "tvt-convert",
            "tvt-store",
        ],
        packages: [systemPackage]),
    tests("Media", uses: ["Archives", "JSON", "Media"], packages: [systemPackage], exclude: ["Golden"]),
    tests(
        "Columns", uses: ["Archives", "Columns", "JSON"], packages: [systemPackage], exclude: ["Golden"]),
    tests("Records", uses: ["JSON", "Records"]),
    tests("Rankings", uses: ["Archives", "JSON", "Rankings"], packages: [systemPackage]),
    tests("Vectors", uses: ["JSON", "Vectors"], packages: [systemPackage]),
    tests(
        "Search", uses: ["JSON", "OpenBLAS", "Processes", "Rankings", "Search", "Vectors", "tvt-search"],
        packages: [systemPackage]),
    tests(
        "Recipes",
        uses: [
            "JSON", "Reports", "Recipes", "tvt-convert", "tvt-dataset", "tvt-encode", "tvt-eval", "tvt-mine",
            "tvt-model", "tvt-search", "tvt-store",
        ], packages: [systemPackage], exclude: ["Golden", "Servers"]),
    tests(
        "Evaluation", uses: ["JSON", "Rankings", "Store", "StoreFormat", "Evaluation", "tvt-eval"], exclude: ["Golden"]),
]

let wantedTestTargets: [Target] = testTargets.filter { target in
    guard let wantedTests, target.type == .test else { return true }
    return wantedTests.contains(target.name)
}
// TVT_BENCH=1 adds the program that measures rooms from within a process.
let benchmarks: [Target] =
    Context.environment["TVT_BENCH"] == nil
    ? []
    : [
        .executableTarget(
            name: "tvt-bench",
            dependencies: [
                "Archives", "Base", "CommandLineKit", "Examples", "Ingest", "Inputs", "JSON", "Media", "RawSources",
                "Records", "Store", "StoreFormat", "Tokenizers", argumentParser, systemPackage,
            ],
            path: "Benchmarks/tvt-bench", exclude: ["README.md"], swiftSettings: swift)
    ]
let targets: [Target] = bindings + base + wrappers + formats + data + retrieval + tools + wantedTestTargets + benchmarks

let package = Package(
    name: "tvt",
    products: [
        // Loaded by CAV.
        .library(name: "CAVPlugin", type: .dynamic, targets: ["CAVPlugin"]),
        // Loaded by CArrow.
        .library(name: "CArrowPlugin", type: .dynamic, targets: ["CArrowPlugin"]),
        // Loaded by CTorch.
        .library(name: "CTorchPlugin", type: .dynamic, targets: ["CTorchPlugin"]),
        // Loaded into the tools by Tests/FaultTests.
        .library(name: "FaultShim", type: .dynamic, targets: ["FaultShim"]),
        // Loaded by the tools in Tests/ToolTests.
        .library(name: "CUDAStandIn", type: .dynamic, targets: ["CUDAStandIn"]),
        .library(name: "NCCLStandIn", type: .dynamic, targets: ["NCCLStandIn"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: targets,
    cxxLanguageStandard: .cxx20
)
