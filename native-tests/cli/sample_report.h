// A small report for the tests of what reads reports: built here, key by key, by
// docs/report.schema.json, so that a test says only what it is about.
#ifndef FDORIGIN_NATIVE_TESTS_CLI_SAMPLE_REPORT_H_
#define FDORIGIN_NATIVE_TESTS_CLI_SAMPLE_REPORT_H_

#include <string>
#include <utility>

#include "nlohmann/json.hpp"

namespace fdorigin::testing {

using Json = nlohmann::ordered_json;

inline Json SampleCall(const std::string& call, int stack, Json arguments = Json::object()) {
  return {{"call", call},
          {"arguments", std::move(arguments)},
          {"at", "2026-11-21T21:56:43.089411Z"},
          {"thread", {{"name", "main"}, {"tid", 12946}, {"kind", "java"}, {"virtual", false}}},
          {"stack", stack},
          {"javaStack", "complete"}};
}

// Descriptor 7 listens and blocks, 8 is a file of nobody's, 9 was there before the agent.
inline Json SampleReport() {
  Json listening = {
      {"fd", 7},
      {"kind", "socket"},
      {"inode", 236832272},
      {"target", "socket:[236832272]"},
      {"flags", {"nonblock"}},
      {"socket",
       {{"family", "ipv6"},
        {"type", "stream"},
        {"protocol", "tcp"},
        {"state", "LISTEN"},
        {"local", "[::]:8080"},
        {"remote", ""}}},
      {"attribution", "traced"},
      {"blocking", true},
      {"failures", {0}},
      {"origin",
       SampleCall("socket", 1, {{"domain", "AF_INET6"}, {"type", "SOCK_STREAM"}, {"protocol", 0}})},
      {"history",
       {SampleCall("bind", 1, {{"sockfd", 7}, {"addr", "[::]:8080"}}),
        SampleCall("listen", 1, {{"sockfd", 7}, {"backlog", 50}})}},
      {"culprit",
       {{"stack", 1},
        {"frame", 2},
        {"class", "com.example.Harbor"},
        {"method", "moor"},
        {"file", "Harbor.java"},
        {"line", 9},
        {"jar", "/srv/harbor.jar"}}},
      {"advice", {{"kind", "resource"}, {"text", "Let Harbor close it."}}}};
  Json file = {{"fd", 8},
               {"kind", "file"},
               {"inode", 5406738},
               {"target", "/etc/hostname"},
               {"flags", Json::array()},
               {"attribution", "untraced"},
               {"reason", "not seen by any hook"},
               {"blocking", false}};
  Json inherited = {{"fd", 9},
                    {"kind", "pipe"},
                    {"inode", 12},
                    {"target", "pipe:[12]"},
                    {"flags", Json::array()},
                    {"attribution", "inherited"},
                    {"blocking", false}};
  Json stack = {{"id", 1},
                {"frames",
                 {{{"kind", "native"},
                   {"symbol", "Java_sun_nio_ch_Net_socket0"},
                   {"module", "/opt/jdk/lib/libnio.so"},
                   {"offset", 34854}},
                  {{"kind", "java"},
                   {"class", "sun.nio.ch.Net"},
                   {"method", "socket0"},
                   {"signature", "(ZZZZ)I"},
                   {"native", true}},
                  {{"kind", "java"},
                   {"class", "com.example.Harbor"},
                   {"method", "moor"},
                   {"signature", "()V"},
                   {"file", "Harbor.java"},
                   {"line", 9},
                   {"jar", "/srv/harbor.jar"}},
                  {{"kind", "native"},
                   {"symbol", "JavaThread::run()"},
                   {"module", "/opt/jdk/lib/server/libjvm.so"},
                   {"offset", 99}}}}};
  return {{"schemaVersion", "1.0"},
          {"tool", {{"name", "fdorigin"}, {"version", "0.1.0"}}},
          {"createdAt", "2026-11-21T22:10:09.726181Z"},
          {"trigger",
           {{"kind", "checkpoint-failure"},
            {"thread", "main"},
            {"exception",
             {{"class", "jdk.crac.CheckpointException"},
              {"message", nullptr},
              {"suppressed",
               {{{"class", "jdk.crac.impl.CheckpointOpenSocketException"},
                 {"message", "tcp6 localAddr :: localPort 8080 remoteAddr :: remotePort 0"},
                 {"fd", 7},
                 {"inode", 236832272}}}}}}}},
          {"process",
           {{"pid", 4711},
            {"ppid", 1},
            {"hostname", "harbor"},
            {"startedAt", "2026-11-21T21:00:00.000000Z"},
            {"commandLine", {"java", "-jar", "harbor.jar"}},
            {"jvm", {{"name", "OpenJDK"}, {"version", "17"}, {"vendor", "Debian"}}}}},
          {"coverage",
           {{"since", "startup"},
            {"libraries", 20},
            {"slots", 90},
            {"libcEntries", {"socket"}},
            {"refused", Json::array()},
            {"dropped", 0},
            {"memoryBytes", 1118640},
            {"selfDescriptors", 0}}},
          {"descriptors", {listening, file, inherited}},
          {"stacks", {stack}}};
}

}  // namespace fdorigin::testing

#endif  // FDORIGIN_NATIVE_TESTS_CLI_SAMPLE_REPORT_H_
