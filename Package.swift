// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "steward",
    targets: [
        .target(name: "Snapshots", swiftSettings: settings),
        .target(name: "Storage", swiftSettings: settings),
    ]
)
