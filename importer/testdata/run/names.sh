docker run -d --name My_App.Server --network my_net:ip=10.1.2.3,alias=api --network-alias app --add-host db:10.0.0.5 --mac-address 02:42:ac:11:00:02 MyRegistry/My-App:2.0
