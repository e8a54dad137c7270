// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

// Libraries of others, by the name that our targets know them by.
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb: [Target.Dependency] = [
    .product(name: "GRDB", package: "GRDB.swift"), .product(name: "GRDBSQLite", package: "GRDB.swift"),
]
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird: [Target.Dependency] = [
    .product(name: "Hummingbird", package: "hummingbird"), .product(name: "HummingbirdCore", package: "hummingbird"),
]
let hummingbirdTesting = Target.Dependency.product(name: "HummingbirdTesting", package: "hummingbird")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")

let package = Package(
    name: "steward",
    products: [.executable(name: "steward", targets: ["Steward"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // The executable.
        .executableTarget(
            name: "Steward",
            dependencies: [
                "Access", "Filtering", "Gateway", "Guidelines", "Judges", "Limits", "Moderation", "Records",
                "Rehearsal",
                "SharedLimits", "Snapshots", "Storage", "Telemetry", "Web", "Yams", argumentParser, configuration,
                coreMetrics,
                lifecycle, logging, nio, nioHTTP1, nioPosix, nioSSL, unixSignals,
            ], swiftSettings: settings),

        // The request path.
        .target(
            name: "Gateway",
            dependencies: [
                "Access", "Filtering", "Guidelines", "JSON", "Judges", "Limits", "Records", "SharedLimits", "Snapshots",
                "Storage",
                "Telemetry", nio, nioPosix, nioSSL, lifecycle, logging,
            ],
            swiftSettings: settings + [
                // An async call stays where its caller is, instead of asking for its executor each time.
                .enableUpcomingFeature("NonisolatedNonsendingByDefault")
            ]),
        .target(
            name: "Rehearsal", dependencies: ["JSON", "Snapshots", nio, nioHTTP1, nioPosix, lifecycle, logging],
            swiftSettings: settings),

        // Desks.
        .target(
            name: "Access",
            dependencies: ["Limits", "Snapshots", "Storage", "Web", crypto, httpTypes, lifecycle, logging]
                + hummingbird,
            resources: [.embedInCode("Resources/Migrations")], swiftSettings: settings),
        .target(
            name: "Moderation",
            dependencies: [
                "Access", "Filtering", "Guidelines", "JSON", "Snapshots", "Storage", "Web", crypto, httpTypes,
            ]
                + hummingbird,
            resources: [
                .embedInCode("Resources/Migrations"), .embedInCode("Resources/Templates"),
                .embedInCode("Resources/openapi.json"),
            ],
            swiftSettings: settings),

        // Engines: pure; bytes and values in, decisions out.
        .target(
            name: "Filtering", dependencies: ["CCLD2", "CContentClassifier", "CHyperscan", "CICU", "JSON", "Yams"],
            resources: [.embedInCode("Resources/taxonomy.yaml"), .embedInCode("Resources/rules")],
            swiftSettings: settings),
        .target(
            name: "Guidelines", dependencies: ["Filtering", "JSON", "Yams", crypto],
            resources: [.embedInCode("Resources/guidelines.yaml")], swiftSettings: settings),
        .target(
            name: "Judges", dependencies: ["Filtering", "Guidelines", "JSON", "Snapshots", crypto],
            swiftSettings: settings),
        .target(name: "Limits", dependencies: ["Snapshots"], swiftSettings: settings),

        // Ground.
        .target(name: "JSON", swiftSettings: settings),
        .target(
            name: "Records", dependencies: ["Snapshots", "Storage", lifecycle, logging],
            resources: [.embedInCode("Resources/Migrations")], swiftSettings: settings),
        .target(
            name: "SharedLimits", dependencies: ["CHiredis", "Limits", "Snapshots", "Telemetry", logging],
            resources: [.embedInCode("Resources/budgets.lua"), .embedInCode("Resources/limits.lua")],
            swiftSettings: settings),
        .target(name: "Snapshots", swiftSettings: settings),
        .target(
            name: "Storage", dependencies: ["CPostgreSQL", "Snapshots", crypto] + grdb, swiftSettings: settings),
        .target(name: "Telemetry", dependencies: ["Snapshots", coreMetrics, logging], swiftSettings: settings),
        .target(
            name: "Web",
            dependencies: ["Snapshots", "Storage", "Telemetry", nio, httpTypes, mustache, lifecycle, logging]
                + hummingbird,
            resources: [
                .embedInCode("Resources/steward.css"), .embedInCode("Resources/steward.svg"),
                .embedInCode("Resources/Templates"),
            ], swiftSettings: settings),

        // System libraries.
        // Without pkg-config, whose flags for it SwiftPM warns of; Debian has it where every compiler looks.
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CHyperscan", pkgConfig: "libhs", providers: [.apt(["libhyperscan-dev"])]),
        .systemLibrary(name: "CPostgreSQL", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(name: "CCLD2", linkerSettings: [.linkedLibrary("cld2")]),
        .target(name: "CContentClassifier", exclude: ["content.classifier"]),
        .target(name: "CICU", linkerSettings: [.linkedLibrary("icuuc"), .linkedLibrary("icui18n")]),

        // For scripts/bench and scripts/bench-filter alone.
        .executableTarget(
            name: "PathBenchmark",
            dependencies: [
                "Access", "Filtering", "Gateway", "Guidelines", "Limits", "Records", "Snapshots", "Storage",
                "Telemetry",
                logging, nio, nioEmbedded, nioPosix,
            ],
            path: "Benchmarks/Path", swiftSettings: settings),
        .executableTarget(
            name: "FilterSpeed", dependencies: ["Filtering", "Guidelines"], path: "Benchmarks/FilterSpeed",
            swiftSettings: settings),

        // Tests, and what only they use.
        .testTarget(
            name: "AccessTests",
            dependencies: [
                "Access", "Limits", "Snapshots", "Storage", "StorageTesting", "Web", httpTypes, hummingbirdTesting,
                lifecycle, logging,
            ] + hummingbird,
            swiftSettings: settings),
        .testTarget(name: "FilteringTests", dependencies: ["Filtering"], swiftSettings: settings),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Access", "Filtering", "Gateway", "Guidelines", "JSON", "Limits", "Records", "Snapshots", "Storage",
                "Telemetry", logging, nio, nioEmbedded, nioHTTP1, nioPosix,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "GuidelinesTests", dependencies: ["Guidelines", "Filtering", "JSON"], swiftSettings: settings),
        .testTarget(
            name: "JudgesTests", dependencies: ["Judges", "Filtering", "Guidelines", "JSON"], swiftSettings: settings),
        .testTarget(name: "JSONTests", dependencies: ["JSON", "CSimdjson"], swiftSettings: settings),
        .testTarget(name: "LimitsTests", dependencies: ["Limits"], swiftSettings: settings),
        .testTarget(
            name: "ModerationTests",
            dependencies: [
                "Access", "Filtering", "Guidelines", "Limits", "Moderation", "Snapshots", "Storage", "StorageTesting",
                "Web", httpTypes, hummingbirdTesting,
            ] + hummingbird,
            exclude: ["Golden"], swiftSettings: settings),
        .testTarget(
            name: "RecordsTests",
            dependencies: ["Records", "Snapshots", "Storage", "StorageTesting", lifecycle, logging],
            swiftSettings: settings),
        .testTarget(
            name: "RehearsalTests", dependencies: ["Rehearsal", nio, nioPosix, logging], swiftSettings: settings),
        .testTarget(
            name: "SharedLimitsTests",
            dependencies: ["Limits", "SharedLimits", "Snapshots", "StorageTesting", "Telemetry", logging],
            swiftSettings: settings),
        .testTarget(
            name: "StorageTests", dependencies: ["Storage", "StorageCrashWriter", "StorageTesting"] + grdb,
            swiftSettings: settings),
        .testTarget(
            name: "StewardTests",
            dependencies: [
                "Access", "Gateway", "Rehearsal", "SharedLimits", "Snapshots", "Steward", "Storage", "Telemetry",
                argumentParser, lifecycle, logging,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "TelemetryTests", dependencies: ["Telemetry", logging, metrics], swiftSettings: settings),
        .testTarget(
            name: "WebTests",
            dependencies: [
                "Snapshots", "Storage", "Telemetry", "Web", httpTypes, logging, nioPosix, hummingbirdTesting,
            ]
                + hummingbird,
            exclude: ["Golden"], swiftSettings: settings),
        .target(
            name: "CSimdjson", path: "Tests/Support/CSimdjson", linkerSettings: [.linkedLibrary("simdjson")]),
        .executableTarget(
            name: "StorageCrashWriter", dependencies: ["Storage"], path: "Tests/Support/StorageCrashWriter",
            swiftSettings: settings),
        .target(
            name: "StorageTesting", dependencies: ["Snapshots", "Storage"], path: "Tests/Support/StorageTesting",
            swiftSettings: settings),
    ],
    cxxLanguageStandard: .cxx17
)

// Only for scripts/fuzz, which builds it with libFuzzer, whose main function calls it.
if Context.environment["STEWARD_FUZZING"] != nil {
    package.products.append(.executable(name: "steward-fuzz", targets: ["Fuzzing"]))
    package.targets.append(
        .executableTarget(
            name: "Fuzzing", dependencies: ["Filtering", "Gateway", "Guidelines", "JSON", nio], path: "Tests/Fuzzing",
            exclude: ["Corpus", "accepted.py", "configuration.py"],
            swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]))
}
