package org.fdorigin.apps.probes;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/** Connects to the {@link PostOffice} at {@code --path=PATH} and stays. */
public final class PostRider {

  private PostRider() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    try (SocketChannel ride = rideOutThirtySeven(Path.of(console.option("path")))) {
      console.serve(Map.of("connected", ride.isConnected()));
    }
  }

  static SocketChannel rideOutThirtySeven(Path path) throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(path)); // MARK ride-out
  }
}
