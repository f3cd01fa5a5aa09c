import Foundation
public import WeirCore
import Yams

/// A kubectl configuration file (kubernetes.io, "Organizing Cluster Access Using kubeconfig Files"): the current
/// context's server, authority and certificate or token. Users that log in by a program are refused.
public struct Kubeconfig: Decodable {
    private var currentContext: String?
    private var contexts: [Named<Context>]?
    private var clusters: [Named<Cluster>]?
    private var users: [Named<User>]?

    private enum CodingKeys: String, CodingKey {
        case currentContext = "current-context"
        case contexts, clusters, users
    }

    private protocol Entry: Decodable {
        /// What a list's elements call it, beside "name".
        static var key: String { get }
    }

    private struct Named<Value: Entry>: Decodable {
        let name: String
        let value: Value

        private struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            name = try container.decode(String.self, forKey: Key(stringValue: "name"))
            value = try container.decode(Value.self, forKey: Key(stringValue: Value.key))
        }
    }

    private struct Context: Entry {
        static let key = "context"
        let cluster: String
        let user: String?
    }

    private struct Cluster: Entry {
        static let key = "cluster"
        let server: String
        let certificateAuthority, certificateAuthorityData: String?
        let insecureSkipTLSVerify: Bool?

        private enum CodingKeys: String, CodingKey {
            case server
            case certificateAuthority = "certificate-authority"
            case certificateAuthorityData = "certificate-authority-data"
            case insecureSkipTLSVerify = "insecure-skip-tls-verify"
        }
    }

    private struct User: Entry {
        static let key = "user"
        let token, tokenFile: String?
        let clientCertificate, clientCertificateData, clientKey, clientKeyData: String?

        private enum CodingKeys: String, CodingKey {
            case token, tokenFile
            case clientCertificate = "client-certificate"
            case clientCertificateData = "client-certificate-data"
            case clientKey = "client-key"
            case clientKeyData = "client-key-data"
        }
    }

    /// Reads a file; paths in it are relative to it.
    public static func access(path: String) throws(InvalidValue) -> ClusterAccess {
        let text = BoundedYAML.withoutMark(try ClusterAccess.text(path, "the kubeconfig"))
        let file: Kubeconfig
        do {
            try BoundedYAML.check(text, .kubeconfig)
        } catch {
            throw InvalidValue("\(path): \(error.sentence)")
        }
        do {
            file = try YAMLDecoder().decode(Kubeconfig.self, from: text)
        } catch {
            throw InvalidValue("\(path) is not a kubeconfig; it needs clusters, users, contexts and current-context")
        }
        return try file.access(path)
    }

    private func access(_ path: String) throws(InvalidValue) -> ClusterAccess {
        guard let current = currentContext, let context = contexts?.first(where: { $0.name == current })?.value else {
            throw InvalidValue(
                "\(path) has no context named by current-context; choose one: kubectl config use-context")
        }
        guard let cluster = clusters?.first(where: { $0.name == context.cluster })?.value else {
            throw InvalidValue("\(path) has no cluster \"\(context.cluster)\", which its current context names")
        }
        if cluster.insecureSkipTLSVerify == true {
            throw InvalidValue(
                "\(path) says insecure-skip-tls-verify, and Weir always verifies; "
                    + "give the cluster a certificate-authority")
        }
        let user = users?.first { $0.name == context.user }?.value
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        func pem(_ file: String?, _ data: String?, _ what: String) throws(InvalidValue) -> String? {
            if let data {
                guard let bytes = Data(base64Encoded: data) else {
                    throw InvalidValue("\(path): \(what) is not base64")
                }
                return String(decoding: bytes, as: UTF8.self)
            }
            guard let file else { return nil }
            return try ClusterAccess.text(URL(fileURLWithPath: file, relativeTo: folder).path, what)
        }
        let authorities = try pem(
            cluster.certificateAuthority, cluster.certificateAuthorityData, "certificate-authority")
        let chain = try pem(user?.clientCertificate, user?.clientCertificateData, "client-certificate")
        let key = try pem(user?.clientKey, user?.clientKeyData, "client-key")
        let credentials: ClusterAccess.Credentials
        switch (chain, key, user?.tokenFile, user?.token) {
        case (let chain?, let key?, _, _): credentials = .certificate(chain, key: key)
        case (_, _, let file?, _):
            credentials = .tokenFile(URL(fileURLWithPath: file, relativeTo: folder).path)
        case (_, _, _, let token?): credentials = .token(token)
        default:
            throw InvalidValue(
                "\(path): the user of the current context has neither client-certificate nor token, "
                    + "which are what Weir takes")
        }
        let server = cluster.server.hasSuffix("/") ? String(cluster.server.dropLast()) : cluster.server
        return ClusterAccess(server: server, authorities: authorities, credentials: credentials)
    }
}
