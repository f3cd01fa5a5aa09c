import Foundation
import TestSupport
import Testing
import WeirCore

@testable import WeirKubernetes

@Suite struct KubeconfigTests {
    private func access(cluster: String, user: String, context: String = "c") throws -> ClusterAccess {
        let path = try Workspace.write(
            "kubeconfig",
            """
            apiVersion: v1
            kind: Config
            current-context: \(context)
            preferences: {}
            contexts: [{name: c, context: {cluster: k, user: u, namespace: x}}]
            clusters: [{name: other, cluster: {server: "https://no"}}, {name: k, cluster: {server: "https://api:6443", \(cluster)}}]
            users: [{name: u, user: {\(user)}}]
            """)
        return try Kubeconfig.access(path: path)
    }

    private func sentence(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "nothing was refused"
        } catch {
            return "\(error)"
        }
    }

    @Test("certificates in the file, and beside it")
    func certificates() throws {
        let inline = try access(
            cluster: "certificate-authority-data: Q0E=",
            user: "client-certificate-data: Q0hBSU4=, client-key-data: S0VZ")
        #expect(inline.server == "https://api:6443")
        #expect(inline.authorities == "CA")
        guard case .certificate("CHAIN", key: "KEY") = inline.credentials else {
            Issue.record("\(inline.credentials)")
            return
        }
        let authority = try Workspace.write("ca.crt", "AUTHORITY")
        #expect(try access(cluster: "certificate-authority: \(authority)", user: "token: t").authorities == "AUTHORITY")
    }

    @Test("a token's file is named, not read, because it changes")
    func token() throws {
        let access = try access(cluster: "certificate-authority-data: Q0E=", user: "tokenFile: /nowhere/token")
        guard case .tokenFile("/nowhere/token") = access.credentials else {
            Issue.record("\(access.credentials)")
            return
        }
    }

    @Test("what cannot be used is refused with what to do")
    func refused() {
        #expect(
            sentence { _ = try access(cluster: "insecure-skip-tls-verify: true", user: "token: t") }
                .contains("Weir always verifies"))
        #expect(
            sentence { _ = try access(cluster: "", user: "exec: {command: aws}") }
                .contains("neither client-certificate nor token"))
        #expect(
            sentence { _ = try access(cluster: "", user: "token: t", context: "z") }
                .contains("kubectl config use-context"))
        #expect(
            sentence { _ = try Kubeconfig.access(path: "/nowhere") }.contains("cannot read the kubeconfig, /nowhere"))
    }

    @Test("in a pod, the environment and the service account say it all")
    func inCluster() throws {
        let account = try directory(with: "CA")
        let access = try ClusterAccess.inCluster(
            environment: ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"], account: account)
        #expect(access.server == "https://[fd00::1]:443")
        #expect(access.authorities == "CA")
        guard case .tokenFile("\(account)/token") = access.credentials else {
            Issue.record("\(access.credentials)")
            return
        }
        #expect(
            sentence { _ = try ClusterAccess.inCluster(environment: [:], account: account) }
                .contains("name a file with agent.kubernetes.kubeconfig"))
    }

    private func directory(with authority: String) throws -> String {
        let path = Workspace.newPath("account")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try authority.write(toFile: "\(path)/ca.crt", atomically: true, encoding: .utf8)
        return path
    }
}
