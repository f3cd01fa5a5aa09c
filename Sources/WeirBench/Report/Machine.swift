import Glibc
import WeirAgent

/// Where a run was made, and with which versions.
public struct Machine: Codable, Sendable {
    public var kernel: String
    public var architecture: String
    public var processor: String
    public var processors: Int
    /// Bytes.
    public var memory: Int
    /// Of each program that took part.
    public var versions: [String: String]
    /// When the run began, in UTC.
    public var date: String

    init() {
        var name = utsname()
        uname(&name)
        kernel = Self.text(name.release)
        architecture = Self.text(name.machine)
        processor = Self.field("/proc/cpuinfo", "model name") ?? "unknown"
        processors = Processors.available.count
        memory =
            Self.field("/proc/meminfo", "MemTotal").flatMap { Int($0.prefix { $0.isNumber }) }.map { $0 << 10 } ?? 0
        #if DEBUG
            let build = "debug build"
        #else
            let build = "release build"
        #endif
        versions = ["weir": "\(WeirVersion.current) (\(build))"]
        for (tool, flag) in [("iptables", "--version"), ("nft", "--version")] {
            guard let output = try? System.run([tool, flag], package: tool) else { continue }
            // "nftables v1.0.6 (…)": the word with a digit behind its first letter.
            versions[tool] = output.split { $0 == " " || $0 == "\n" }.first { $0.dropFirst().first?.isNumber == true }
                .map(String.init)
        }
        if case .envoy(let path) = ProxyProgram.sidecar() { versions["envoy"] = ProxyProgram.envoy(path).version }
        if let path = System.find("haproxy") { versions["haproxy"] = ProxyProgram.haproxy(path).version }
        date = Self.now()
    }

    private static func text(_ field: some Any) -> String {
        withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// The value of the first "key : value" line.
    private static func field(_ path: String, _ key: String) -> String? {
        let line = System.read(path)?.split(separator: "\n").first { $0.hasPrefix(key) }
        return line?.split(separator: ":", maxSplits: 1).last.map { String($0.drop { $0 == " " }) }
    }

    private static func now() -> String {
        var seconds = time(nil)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
