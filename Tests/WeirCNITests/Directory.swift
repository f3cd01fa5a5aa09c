import Foundation
import TestSupport

@testable import WeirCNI

/// A node's two directories for CNI, and a program to install.
final class Directory {
    let root = Workspace.newPath("cni")
    var bin: String { "\(root)/bin" }
    var conf: String { "\(root)/net.d" }

    init() throws {
        for path in [root, bin, conf] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        try Data("a program".utf8).write(to: URL(fileURLWithPath: "\(root)/program"))
    }

    func installer(_ settings: PluginSettings = PluginSettings()) -> Installer {
        Installer(settings: settings, program: "\(root)/program", binDirectory: bin, confDirectory: conf)
    }

    func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws {
        let path = "\(conf)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        chmod(path, mode)
    }

    func read(_ name: String) -> String? {
        FileManager.default.contents(atPath: "\(conf)/\(name)").map { String(decoding: $0, as: UTF8.self) }
    }

    /// Every file, with its mode and text: what a test compares.
    func picture() throws -> [String: String] {
        var picture: [String: String] = [:]
        for folder in ["bin", "net.d"] {
            for name in try FileManager.default.contentsOfDirectory(atPath: "\(root)/\(folder)") {
                let path = "\(root)/\(folder)/\(name)"
                let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
                picture["\(folder)/\(name)"] = "\(String(mode ?? 0, radix: 8)) \(Workspace.read(path))"
            }
        }
        return picture
    }
}

/// Files of `Golden`.
enum Golden {
    static let names = [
        "antrea-compact.conflist", "aws-vpc-cni.conflist", "azure.conflist", "bridge.conflist", "calico.conflist",
        "cilium.conf", "cilium.conflist", "flannel-istio.conflist", "flannel.conflist", "gke.conflist",
        "kindnet.conflist", "ovn-kubernetes.conf", "weave.conflist",
    ]

    static func text(_ name: String) throws -> String {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")
        return try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    }
}
