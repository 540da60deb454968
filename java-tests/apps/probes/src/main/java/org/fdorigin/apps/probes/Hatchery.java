package org.fdorigin.apps.probes;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/**
 * A listening socket, and children of two sorts: JVMs that run this same program and inherit the
 * environment, and forks of this JVM that run a few lines of a native library, {@code
 * --library=PATH}. {@code --standin=ARGUMENT} is given to the JVMs.
 */
public final class Hatchery {

  private Hatchery() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    String standin = console.option("standin", "");
    String library = console.option("library", "");
    if (!library.isEmpty()) {
      System.load(library);
    }
    try (ServerSocketChannel nest = buildNestSixtySeven()) {
      console
          .on("hatch", () -> hatch(standin))
          .on("snatch", () -> snatch(standin))
          .on("fork", () -> Map.of("atonce", leaveAtOnce(), "inorder", leaveInOrder()))
          .serve(Map.of("port", ((InetSocketAddress) nest.getLocalAddress()).getPort()));
    }
  }

  static ServerSocketChannel buildNestSixtySeven() throws IOException {
    ServerSocketChannel nest = ServerSocketChannel.open(); // MARK nest
    return nest.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
  }

  /** A child JVM that tries a checkpoint of its own and ends in order. */
  private static Map<String, ?> hatch(String standin) throws IOException, InterruptedException {
    Process child = start(standin);
    try (BufferedReader said = reader(child);
        Writer told = new OutputStreamWriter(child.getOutputStream(), StandardCharsets.UTF_8)) {
      await(said, "READY");
      told.write("checkpoint\n");
      told.flush();
      await(said, "END 1");
      told.write("exit\n");
      told.flush();
      return Map.of("pid", child.pid(), "status", child.waitFor());
    }
  }

  /** A child JVM that is killed as soon as it is up. */
  private static Map<String, ?> snatch(String standin) throws IOException, InterruptedException {
    Process child = start(standin);
    try (BufferedReader said = reader(child)) {
      await(said, "READY");
      child.destroyForcibly();
      return Map.of("pid", child.pid(), "status", child.waitFor());
    }
  }

  private static Process start(String standin) throws IOException {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    return new ProcessBuilder(
            java,
            standin,
            "-Dstandin.CRaCCheckpointTo=" + System.getProperty("standin.CRaCCheckpointTo"),
            "-cp",
            System.getProperty("java.class.path"),
            Hatchery.class.getName(),
            "--hold")
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  private static BufferedReader reader(Process child) {
    return new BufferedReader(
        new InputStreamReader(child.getInputStream(), StandardCharsets.UTF_8));
  }

  private static void await(BufferedReader said, String wanted) throws IOException {
    for (String line = said.readLine(); line != null; line = said.readLine()) {
      if (List.of(line.split(" ")).containsAll(List.of(wanted.split(" ")))) {
        return;
      }
    }
    throw new IOException("the child ended without " + wanted);
  }

  private static native int leaveAtOnce();

  private static native int leaveInOrder();
}
