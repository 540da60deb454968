package org.fdorigin.apps.probes;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/** Listens on a Unix socket, {@code --path=PATH}, and accepts one caller on each command. */
public final class PostOffice {

  private PostOffice() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    List<SocketChannel> callers = new ArrayList<>();
    try (ServerSocketChannel counter = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      counter.bind(UnixDomainSocketAddress.of(Path.of(console.option("path"))));
      console
          .on(
              "accept",
              () -> {
                callers.add(counter.accept());
                return Map.of();
              })
          .serve(Map.of());
    }
    for (SocketChannel caller : callers) {
      caller.close();
    }
  }
}
