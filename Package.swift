// swift-tools-version:6.2
import PackageDescription

let swift: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let c: [CSetting] = [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]

let package = Package(
    name: "weir",
    products: [
        .executable(name: "weir", targets: ["weir"]),
        .executable(name: "weir-cni", targets: ["weir-cni"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // The headers that the kernel side and Swift share; see bpf/include/weir/abi.h.
        .target(name: "CWeirABI", path: "bpf", sources: ["abi.c"], publicHeadersPath: "include", cSettings: c),
        .target(
            name: "CWeirBPF", cSettings: c,
            linkerSettings: [.linkedLibrary("bpf"), .linkedLibrary("elf"), .linkedLibrary("z")]),
        .target(
            name: "WeirCore",
            dependencies: ["CWeirABI", .product(name: "Yams", package: "Yams")], swiftSettings: swift),
        .target(
            name: "WeirBPF", dependencies: ["WeirCore", "CWeirABI", "CWeirBPF"], swiftSettings: swift,
            plugins: ["EmbedBPF"]),
        .target(
            name: "WeirProxy",
            dependencies: [
                "WeirBPF", "WeirCore",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ], swiftSettings: swift),
        .target(name: "WeirNFT", dependencies: ["WeirCore", "CWeirABI"], swiftSettings: swift),
        // Nothing but the standard library, because the plugin runs on the node, outside of every image.
        .target(name: "WeirCNI", swiftSettings: swift),
        .executableTarget(
            name: "weir-cni", dependencies: ["WeirCNI"], swiftSettings: swift,
            linkerSettings: [.unsafeFlags(["-static-executable"])]),
        .target(
            name: "WeirKubernetes",
            dependencies: [
                "WeirCore",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Yams", package: "Yams"),
            ], swiftSettings: swift),
        .target(
            name: "WeirAgent",
            dependencies: [
                "WeirBPF", "WeirCNI", "WeirCore", "WeirKubernetes", "WeirNFT", "WeirProxy", "CWeirABI",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ], swiftSettings: swift),
        // Its loops are timed, so they are optimised whatever the configuration is.
        .target(name: "CWeirBench", cSettings: c + [.unsafeFlags(["-O2"])]),
        .target(
            name: "WeirBench",
            dependencies: [
                "CWeirBench", "WeirAgent", "WeirBPF", "WeirCore", "WeirNFT",
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: swift),
        .executableTarget(
            name: "weir",
            dependencies: [
                "CWeirBPF", "CWeirBench", "WeirAgent", "WeirBench", "WeirBPF", "WeirCNI", "WeirCore", "WeirProxy",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ], swiftSettings: swift),
        .testTarget(
            name: "WeirCoreTests", dependencies: ["TestSupport", "WeirCore", "CWeirABI"], swiftSettings: swift),
        .testTarget(
            name: "WeirProxyTests",
            dependencies: [
                "WeirProxy",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ], swiftSettings: swift),
        .executableTarget(
            name: "weir-oracle",
            dependencies: ["WeirAgent", "WeirBPF", "WeirCore", .product(name: "Logging", package: "swift-log")],
            path: "Tests/oracle", exclude: ["DIFFERENCES.md"], swiftSettings: swift),
        .executableTarget(name: "weir-exercise", path: "Tests/exercise", cSettings: c),
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: swift),
        .testTarget(
            name: "EndToEndTests", dependencies: ["TestSupport", "weir", "weir-exercise"], swiftSettings: swift),
        .testTarget(
            name: "WeirAgentTests",
            dependencies: [
                "TestSupport", "WeirAgent", "WeirBPF", "WeirCore", "CWeirABI",
                .product(name: "NIOCore", package: "swift-nio"),
            ], swiftSettings: swift),
        .testTarget(name: "WeirBenchTests", dependencies: ["WeirBench", "WeirCore"], swiftSettings: swift),
        .testTarget(
            name: "AccelerationTests",
            dependencies: [
                "TestSupport", "WeirAgent", "WeirBPF", "WeirCore", "weir", "weir-exercise",
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: swift),
        .testTarget(
            name: "WeirNFTTests", dependencies: ["TestSupport", "WeirNFT", "WeirCore"], exclude: ["Golden"],
            swiftSettings: swift),
        .testTarget(
            name: "WeirBPFTests", dependencies: ["TestSupport", "WeirBPF", "WeirCore", "CWeirABI"], swiftSettings: swift
        ),
        // Not after weir-cni itself, whose way of linking would become the tests'.
        .testTarget(
            name: "WeirCNITests", dependencies: ["TestSupport", "WeirCNI"], exclude: ["Golden"], swiftSettings: swift),
        .testTarget(
            name: "WeirKubernetesTests",
            dependencies: [
                "TestSupport", "WeirKubernetes", "WeirCore", .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: swift),
        .testTarget(name: "CommandTests", dependencies: ["TestSupport", "weir"], swiftSettings: swift),
        .plugin(name: "EmbedBPF", capability: .buildTool()),
    ],
    swiftLanguageModes: [.v6]
)
